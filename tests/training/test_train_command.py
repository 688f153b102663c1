"""`agent-runtime train` as a user types it."""

import json
import subprocess
from pathlib import Path

import pytest
import torch

from agent_runtime.cli import main

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
ONE_STEP = """
base = "tiny"
device = "cpu"

[data]
gsm8k_sha256 = "17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465"

[data.examples]
quick = 2

[sft]
max_steps = 1
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device: the recipe would run")
def test_without_a_cuda_device_the_embedded_recipe_says_so_and_ends_with_3(tmp_path: Path, capsys: Capture):
    assert run("train", "embedded", "--out", str(tmp_path)) == 3

    err = capsys.readouterr().err
    assert err.startswith("error: no CUDA device")
    assert err.count("\n") == 1


def test_a_training_set_that_is_not_there_is_bad_input(tmp_path: Path, capsys: Capture):
    assert run("train", "embedded", "--out", str(tmp_path), "--gsm8k", "missing.jsonl") == 2

    err = capsys.readouterr().err
    assert "'missing.jsonl'" in err
    assert "gsm8k_train.jsonl" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_recipe_whose_training_set_is_not_named_learns_from_the_rest_and_says_so(
    tmp_path: Path, capsys: Capture
):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(ONE_STEP)

    assert run("train", "run", str(recipe), "--out", str(tmp_path / "out"), "--stages", "sft") == 0

    assert "--gsm8k FILE" in capsys.readouterr().err
    first = json.loads((tmp_path / "out" / "figures.jsonl").read_text().splitlines()[0])
    assert (first["stage"], first["samples"]) == ("sft", 2)


@pytest.mark.parametrize(
    ("named", "option"), [("", ""), ("set.jsonl", '--gsm8k "set.jsonl"')], ids=["none", "one"]
)
def test_the_make_target_names_a_training_set_only_where_there_is_one(named: str, option: str):
    done = subprocess.run(
        ["make", "--dry-run", "train-embedded", f"GSM8K={named}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    command = next(line for line in done.stdout.splitlines() if "train embedded" in line)
    assert command.partition("build/train-embedded")[2].strip() == option
