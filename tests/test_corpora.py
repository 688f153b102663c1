"""The folder of attack corpora: every kind follows `CORPUS`, and an empty folder is an error."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpora import KINDS, corpus

ROOT = Path(__file__).parents[1]


def test_every_kind_is_read_from_all_its_files_in_the_named_folder(tmp_path: Path):
    for kind in KINDS:
        for split in ("dev", "test"):
            line = json.dumps({"id": f"{kind}-{split}", "payload": "a\u2028b"}, ensure_ascii=False)
            (tmp_path / f"{kind}.{split}.jsonl").write_text(f"{line}\n", "utf-8")
    optional = json.dumps({"id": "not scored", "payload": "", "optional": True})
    (tmp_path / "sql.more.jsonl").write_text(optional, "utf-8")

    found = {kind: [case["id"] for case in corpus(kind, {"CORPUS": str(tmp_path)})] for kind in KINDS}

    assert found == {kind: [f"{kind}-dev", f"{kind}-test"] for kind in KINDS}


def test_a_kind_that_the_folder_lacks_has_no_cases(tmp_path: Path):
    (tmp_path / "sql.jsonl").write_text('{"id": "sql-1"}\n')

    assert corpus("calculator", {"CORPUS": str(tmp_path)}) == []


@pytest.mark.parametrize("name", ["nothing.jsonl", "sql.jsonl"])
def test_a_named_folder_without_a_case_is_an_error(tmp_path: Path, name: str):
    (tmp_path / name).write_text("")

    with pytest.raises(FileNotFoundError, match="no attack corpus"):
        corpus("sql", {"CORPUS": str(tmp_path)})


@pytest.mark.parametrize(
    ("tests", "kind", "payload"),
    [
        ("tools/test_calculator.py", "calculator", "1+1"),
        ("tools/test_database_attacks.py", "sql", "SELECT 1"),
    ],
)
def test_a_tool_meets_the_attacks_of_the_named_folder(tmp_path: Path, tests: str, kind: str, payload: str):
    case = {
        "id": f"{kind}-of-mine",
        "payload": payload,
        "expected": "rejected",
    }  # it is not, so this must fail
    (tmp_path / f"{kind}.jsonl").write_text(json.dumps(case))

    done = run_attacks(tmp_path, tests)

    assert done.returncode == 1
    assert case["id"] in done.stdout


def test_the_sandboxes_meet_the_attacks_of_the_named_folder(tmp_path: Path):
    (tmp_path / "sandbox.jsonl").write_text('{"id": "of-mine", "payload": "print(1)", "expected": "ok"}')

    collected = run_attacks(tmp_path, "sandboxes/test_attacks.py", "--collect-only")

    assert collected.stdout.count("test_an_attack_ends_as_labelled[") == 2
    assert collected.stdout.count("of-mine") == 2


def run_attacks(folder: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-k", "corpus or attack", f"tests/{tests}", *options]
    environment = {**os.environ, "CORPUS": str(folder)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
