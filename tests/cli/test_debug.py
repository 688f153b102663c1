"""`debug` as a user types it, without the model: exit codes, what is written and what never is."""

import io
import json
import sys
from pathlib import Path

import pytest

from agent_runtime.cli import main

WRONG = "def f(x):\n    return x - 1\n\n\nassert f(2) == 3\nassert f(5) == 6\n"
RIGHT = WRONG.replace("x - 1", "x + 1")
UNSURE = "def f(s):\n    return s + 1\n\n\nassert f('41') == 42\n"
LOG = """\
INFO started
Traceback (most recent call last):
  File "/srv/main.py", line 5, in <module>
    total([{"amount": 5}])
  File "/srv/main.py", line 2, in total
    return sum(row["ammount"] for row in rows)
KeyError: 'ammount'
"""
DELETES = """\
import os
for root, _, files in os.walk('/', topdown=False):
    for name in files:
        try:
            os.remove(os.path.join(root, name))
        except OSError:
            pass
"""
FORKS = """\
import os, time
for _ in range(200):
    try:
        if os.fork() == 0:
            time.sleep(600)
    except OSError:
        break
"""
DESTROYS = """\
import os, shutil
shutil.rmtree(os.getcwd(), ignore_errors=True)
shutil.rmtree('/work', ignore_errors=True)
os.kill(-1, 9)
"""
RUN = ["debug", "--no-model", "--sandbox", "bubblewrap", "--max-seconds", "20"]
PYTHON = ["--", "python", "main.py"]

Capture = pytest.CaptureFixture[str]
in_bubblewrap = pytest.mark.bubblewrap


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    program = tmp_path / "program"
    program.mkdir()
    (program / "main.py").write_text(WRONG)
    monkeypatch.chdir(program)
    return program


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@in_bubblewrap
def test_a_fix_is_shown_and_nothing_is_written(folder: Path, capsys: Capture):
    assert run(*RUN, *PYTHON) == 0

    out = capsys.readouterr().out
    assert "-    return x - 1\n  +    return x + 1" in out
    assert "It was tried on" in out
    assert contents(folder) == {"main.py": WRONG.encode()}


@in_bubblewrap
@pytest.mark.parametrize(("said", "written"), [("y\n", RIGHT), ("n\n", WRONG), ("\n", WRONG)])
def test_apply_asks_first(
    said: str, written: str, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    typed(said, monkeypatch)

    assert run(*RUN, "--apply", *PYTHON) == 0

    assert "write this change into" in capsys.readouterr().err
    assert (folder / "main.py").read_text() == written


@in_bubblewrap
def test_apply_writes_nothing_where_nobody_can_be_asked(folder: Path, monkeypatch: pytest.MonkeyPatch):
    typed("", monkeypatch)

    assert run(*RUN, "--apply", *PYTHON) != 0

    assert (folder / "main.py").read_text() == WRONG


@in_bubblewrap
def test_apply_with_yes_does_not_ask(folder: Path, capsys: Capture):
    assert run(*RUN, "--apply", "--yes", *PYTHON) == 0

    err = capsys.readouterr().err
    assert "write this change" not in err
    assert "changed" in err
    assert (folder / "main.py").read_text() == RIGHT


@in_bubblewrap
def test_json_is_one_document_with_the_fix(capsys: Capture):
    assert run(*RUN, "--json", *PYTHON) == 0

    found = json.loads(capsys.readouterr().out)
    assert found["fix"]["candidate"]["lines"] == ["    return x + 1"]
    assert found["fix"]["confidence"] > 0.5
    assert (found["candidate"], found["missing"]) == (None, "")


@in_bubblewrap
def test_a_fix_that_is_not_established_is_a_candidate_and_is_never_written(folder: Path, capsys: Capture):
    (folder / "main.py").write_text(UNSURE)

    assert run(*RUN, "--json", "--apply", "--yes", *PYTHON) == 1

    out, err = capsys.readouterr()
    found = json.loads(out)
    assert found["fix"] is None
    assert found["candidate"]["diff"]
    assert "a fix needs more than 0.5" in found["missing"]
    assert err == "no fix is established; nothing was written\n"
    assert (folder / "main.py").read_text() == UNSURE


@in_bubblewrap
def test_what_counts_as_established_can_be_set(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    (folder / "main.py").write_text(UNSURE)

    assert run(*RUN, "--min-confidence", "0.1", *PYTHON) == 0
    monkeypatch.setenv("AGENT_RUNTIME_MIN_CONFIDENCE", "0.1")
    assert run(*RUN, *PYTHON) == 0

    assert "not established" not in capsys.readouterr().out


@in_bubblewrap
def test_a_command_that_nothing_repairs_ends_with_1(folder: Path, capsys: Capture):
    (folder / "main.py").write_text("def f(x):\n    return x\n\n\nassert f(1) == 'nothing gives this'\n")

    assert run(*RUN, *PYTHON) == 1

    assert "none was found that makes the command pass" in capsys.readouterr().out


@in_bubblewrap
def test_a_command_that_ends_well_ends_with_0(folder: Path, capsys: Capture):
    (folder / "main.py").write_text("print(1)\n")

    assert run(*RUN, *PYTHON) == 0

    assert "nothing to repair" in capsys.readouterr().out


@pytest.mark.parametrize("is_piped", [True, False])
def test_a_traceback_is_read_from_a_file_or_stdin_without_a_sandbox(
    is_piped: bool, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    typed(LOG, monkeypatch)
    (folder / "log.txt").write_bytes(b"\xff\xfe noise\n" + LOG.encode())

    assert run("debug", "--traceback", "-" if is_piped else "log.txt") == 0

    out = capsys.readouterr().out
    assert "'ammount'" in out
    assert "nothing was run" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["debug"], "give either a command after `--` or --traceback FILE"),
        (["debug", "--traceback", "main.py", *PYTHON], "give either a command"),
        (["debug", "--traceback", "missing.txt"], "the log 'missing.txt' cannot be read"),
        (["debug", "--traceback", "main.py"], "there is no Python traceback in that text"),
        ([*RUN, "--image", "some", *PYTHON], "--image is for docker; leave --sandbox bubblewrap out"),
        ([*RUN, "--min-confidence", "2", *PYTHON], "min_confidence"),
        ([*RUN[:2], "--sandbox", "moon", *PYTHON], "'sandbox'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], words: str, capsys: Capture):
    assert run(*arguments) == 2

    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1


@in_bubblewrap
def test_a_folder_that_is_not_there_is_bad_input(capsys: Capture):
    assert run(*RUN, "--repo", "missing", *PYTHON) == 2

    assert "'missing' is no folder" in capsys.readouterr().err


@pytest.mark.docker
def test_an_unknown_image_is_one_line_and_exit_code_3(capsys: Capture):
    assert run("debug", "--no-model", "--image", "no-such-image:none", *PYTHON) == 3

    err = capsys.readouterr().err
    assert "no image 'no-such-image:none'" in err
    assert err.count("\n") == 1


SANDBOXES = [
    pytest.param("docker", marks=pytest.mark.docker),
    pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
]


def run_hostile(sandbox: str, folder: Path, program: str) -> int:
    """The exit code, once it is sure that nothing of the user's has changed."""
    (folder / "main.py").write_text(program)
    (folder / "data").mkdir()
    (folder / "data" / "rows.bin").write_bytes(bytes(range(256)))
    (folder.parent / "beside.txt").write_text("beside")
    before = contents(folder)

    code = run(
        "debug", "--no-model", "--sandbox", sandbox, "--max-seconds", "4", "--run-seconds", "3", *PYTHON
    )

    assert contents(folder) == before
    assert (folder.parent / "beside.txt").read_text() == "beside"
    return code


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_program_that_deletes_files_and_forks_is_contained(sandbox: str, folder: Path, capsys: Capture):
    assert run_hostile(sandbox, folder, f"{DELETES}{FORKS}raise ValueError('done')\n") in (0, 1)

    assert "ValueError: done" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("sandbox", SANDBOXES)
def test_a_program_that_destroys_its_sandbox_is_contained_and_said_so(
    sandbox: str, folder: Path, capsys: Capture
):
    code = run_hostile(sandbox, folder, DESTROYS)

    out, err = capsys.readouterr()
    assert code in (1, 3)
    assert code == 1 or ("the sandbox was lost" in err and err.count("\n") == 1)
    assert code == 3 or "Root cause" in out
