"""The commands as a user types them: one clear line for what is wrong, the right exit code, no traceback."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.cli import main
from agent_runtime.cli.checkup import Finding, checkup
from agent_runtime.cli.recorded import recorded_config
from agent_runtime.cli.screen import screen
from agent_runtime.config import cache_folder
from agent_runtime.errors import InputError, SandboxError
from agent_runtime.trace.reader import read
from agent_runtime.trace.recorder import Recorder
from tests.models.servers import Reply, Serve, said, serve
from tests.trace.runs import a_run, started, write

Capture = pytest.CaptureFixture[str]

__all__ = ["serve"]  # the fixture

REAL_CACHE = cache_folder().parent


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["solve", "?", "--table", "missing.csv"], "there is no file 'missing.csv'"),
        (["solve", " "], "the question is empty"),
        (["solve", "?", "--model", "gpt"], "unknown model 'gpt'; write 'embedded'"),
        (["solve", "?", "--think", "hard"], "'quick', 'standard', 'deep' or 'auto'"),
        (["solve", "?", "--strategy", "luck"], "unknown strategy 'luck'"),
        (["solve", "?", "--planner", "luck"], "unknown planner 'luck'; there are: auto, none, flow"),
        (["solve", "?", "--model", "none", "--planner", "none"], "nobody proposes anything"),
        (["solve", "?", "--max-tokens", "-3"], "greater than 0"),
        (["solve", "?", "--seed", "-1"], "'seed'"),
        (["replay", "missing.jsonl"], "there is no trace"),
        (["resume", "missing.jsonl"], "there is no trace"),
        (["replay", __file__], "is no trace of agent-runtime"),
        (["clean", "--keep-cache"], "--yes"),
        (["solve", "x" * 200_001], "more than 200,000 characters"),
        (["solve", "?", "--model", "openai:http://localhost"], "write openai:URL#MODEL"),
    ],
)
def test_bad_input_gets_one_clear_line_and_exit_code_2(
    arguments: list[str], words: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "XDG_STATE_HOME" / "agent-runtime" / "runs").mkdir(parents=True)

    assert run(*arguments) == 2

    err = capsys.readouterr().err
    assert words in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["solve"], ["fly"], ["solve", "?", "--seed", "x"], ["solve", "?", "--no"]]
)
def test_a_command_line_that_makes_no_sense_exits_with_2(arguments: list[str]):
    assert run(*arguments) == 2


def test_no_docker_engine_where_docker_was_asked_for_ends_with_3(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")

    assert run("solve", "?", "--sandbox", "docker") == 3
    assert_one_line(capsys, "no Docker engine answers", "--sandbox bubblewrap")


def test_weights_that_fail_the_checksum_end_with_3(tmp_path: Path, capsys: Capture):
    (tmp_path / "weights.gguf").write_bytes(b"GGUF and nothing more")

    assert run("solve", "?", "--model", "embedded:weights.gguf") == 3
    assert_one_line(capsys, "weights.gguf", "SHA-256")


def assert_one_line(capsys: Capture, *words: str) -> None:
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


# --- tables

WIDE = ",".join(f"c{at}" for at in range(200)) + "\n" + ",".join(map(str, range(200))) + "\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n3\n4,5,6\n", "line 4 has 3 fields where the first line has 2"),
        ("a,b\n", "has 0 rows"),
        ("", "'t.csv'"),
    ],
    ids=["ragged", "no rows", "nothing"],
)
def test_a_table_that_cannot_be_used_is_bad_input_before_any_model_is_asked(
    content: str, words: str, tmp_path: Path, capsys: Capture
):
    (tmp_path / "t.csv").write_text(content)

    assert run("solve", "?", "--table", "t.csv", "--model", "openai:http://127.0.0.1:1/v1#m") == 2
    assert_one_line(capsys, words)


@pytest.mark.parametrize(
    ("content", "query", "value"),
    [
        ("select,from\n1,2\n3,4\n", 'SELECT SUM("select") AS v FROM t', "4"),
        ("a,a,A\n1,2,3\n", "SELECT A_2 AS v FROM t", "3"),
        (WIDE, "SELECT c199 AS v FROM t", "199"),
    ],
    ids=["a column called select", "the same name three times", "200 columns"],
)
def test_a_strange_table_that_can_be_used_is_used(
    content: str, query: str, value: str, serve: Serve, tmp_path: Path, capsys: Capture
):
    (tmp_path / "t.csv").write_text(content)
    model = plays(serve, ("sql", {"thought": "Ask.", "input": query}), ("answer", {"text": value}))

    settings = ("--min-confidence", "0.4", "--json")  # of a model that judges nothing
    assert run("solve", "Which?", "--table", "t.csv", "--model", model, *settings) == 0

    document = json.loads(capsys.readouterr().out)
    assert (document["answer"], document["verdict"]) == (value, "supported")


def plays(serve: Serve, *calls: tuple[str, dict[str, str]]) -> str:
    """The name of a model behind a server that calls one function after the other, and the last one ever after."""
    turns = [("plan", {"items": ["ok"]}), *calls]

    def play(body: dict[str, Any]) -> Reply:
        n_taken = sum(message["role"] == "assistant" for message in body["messages"])
        name, fields = turns[min(n_taken, len(turns) - 1)]
        return said(calls=[(name, json.dumps(fields))])

    return f"openai:{serve(play).url}#m"


# --- settings


def test_flags_count_before_environment_before_the_projects_file_before_the_users(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    theirs = tmp_path / "XDG_CONFIG_HOME" / "agent-runtime"
    theirs.mkdir(parents=True)
    names = ["seed", "max_tool_calls", "max_tokens", "max_branches"]
    (theirs / "agent-runtime.toml").write_text("".join(f"{name} = 1001\n" for name in names))
    Path("agent-runtime.toml").write_text("".join(f"{name} = 1002\n" for name in names[1:]))
    for name in names[2:]:
        monkeypatch.setenv(f"AGENT_RUNTIME_{name.upper()}", "1003")
    model = plays(serve, ("answer", {"text": "5"}))

    run("solve", "?", "--model", model, "--max-branches", "1004", "--trace", "run.jsonl")

    recorded = read(Path("run.jsonl")).started
    assert recorded is not None
    assert [recorded.config[name] for name in names] == [1001, 1002, 1003, 1004]


def test_a_setting_that_does_not_exist_is_named(capsys: Capture):
    Path("agent-runtime.toml").write_text('modle = "embedded"\n')

    assert run("solve", "?") == 2
    assert_one_line(capsys, "'modle'")


def test_a_settings_file_that_is_no_toml_is_named(capsys: Capture):
    Path("agent-runtime.toml").write_text("= nonsense")

    assert run("solve", "?") == 2
    assert_one_line(capsys, "agent-runtime.toml cannot be read")


def test_an_error_of_a_hostile_name_cannot_move_the_cursor(capsys: Capture):
    run("replay", "\x1b[2J\nno.jsonl")

    assert "\x1b" not in capsys.readouterr().err


def test_debug_shows_where_an_error_came_from():
    with pytest.raises(InputError):
        main(["--debug", "replay", "missing.jsonl"])


def test_a_defect_is_one_line_and_exit_code_3(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    def broken(path: Path) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("agent_runtime.trace.reader.read", broken)

    assert run("replay", "x") == 3
    assert (
        capsys.readouterr().err == "error: RuntimeError: unforeseen (this is a defect; --debug shows where)\n"
    )


def test_help_needs_nothing_heavy():
    code = """
import sys
from agent_runtime.cli import main
try:
    main(["solve", "--help"])
except SystemExit:
    pass
heavy = {"torch", "transformers", "networkx", "duckdb", "sympy", "docker", "anyio"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "--max-tool-calls" in done.stdout


def test_the_version_is_shown(capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"1.2.3 of {name}")

    assert run("--version") == 0
    assert capsys.readouterr().out == "agent-runtime 1.2.3 of lrm-runtime\n"


# --- replay


def test_replay_shows_a_run_from_its_file_alone(tmp_path: Path, capsys: Capture):
    assert run("replay", str(write(tmp_path / "run.jsonl", a_run()))) == 0
    assert "Sum the amounts" in capsys.readouterr().out


def test_replay_names_what_is_wrong_with_the_file_and_shows_the_rest(tmp_path: Path, capsys: Capture):
    path = write(tmp_path / "run.jsonl", a_run())
    path.write_bytes(path.read_bytes()[:-9].replace(b"Again", b"again"))

    assert run("replay", str(path)) == 1

    out, err = capsys.readouterr()
    assert "line 7 (byte" in err
    assert "cut off" in err
    assert "did not finish" in err
    assert "Sum the amounts" in out


def test_replay_prints_the_recorded_answer_as_json(tmp_path: Path, capsys: Capture):
    run("replay", "--json", str(write(tmp_path / "run.jsonl", a_run())))

    assert json.loads(capsys.readouterr().out)["answer"] == "12000"


def test_replay_writes_the_search_graph_where_it_is_asked_to(tmp_path: Path, capsys: Capture):
    path = write(tmp_path / "run.jsonl", a_run())

    assert run("replay", str(path), "--export", str(tmp_path / "run.dot")) == 0
    assert (tmp_path / "run.dot").read_text().startswith("digraph search {")
    assert f"nodes in {tmp_path / 'run.dot'}" in capsys.readouterr().out
    assert run("replay", str(path), "--export", str(tmp_path / "run.png")) == 2


def test_an_answer_that_is_not_established_shows_its_best_guess_and_what_it_lacks(
    tmp_path: Path, capsys: Capture
):
    path = write(tmp_path / "run.jsonl", [started(strategy="best_first", seed=7), *a_run()[1:]])

    run("replay", "--json", "--min-confidence", "1.0", str(path))

    document = json.loads(capsys.readouterr().out)
    assert (document["answer"], document["candidate"]) == (None, "12000")
    assert "is below 1" in document["missing"]


@pytest.mark.parametrize(("n_left_out", "candidate", "n_tokens"), [(1, "12000", 15), (6, None, 9)])
def test_replay_of_an_unfinished_run_prints_a_document_that_says_so(
    n_left_out: int, candidate: str | None, n_tokens: int, tmp_path: Path, capsys: Capture
):
    path = write(tmp_path / "run.jsonl", a_run()[:-n_left_out])

    assert run("replay", "--json", str(path)) == 1

    document = json.loads(capsys.readouterr().out)
    assert (document["answer"], document["candidate"]) == (None, candidate)
    assert (document["stop_reason"], document["trace"]) == ("interrupted", str(path))
    assert "did not finish" in document["missing"]
    assert document["usage"]["think_tokens"] == n_tokens
    assert document["usage_by_strategy"] == {"best_first": document["usage"]}


def test_replay_decides_anew_without_a_model(tmp_path: Path, capsys: Capture):
    path = write(tmp_path / "run.jsonl", [started(strategy="best_first", seed=7), *a_run()[1:]])

    assert run("replay", "--json", "--min-confidence", "1.0", str(path)) == 1
    assert json.loads(capsys.readouterr().out)["stop_reason"] == "not_established"


# --- resume


def test_resuming_a_finished_run_answers_and_writes_nothing(tmp_path: Path, capsys: Capture):
    path = write(tmp_path / "run.jsonl", a_run())
    before = path.read_bytes()

    assert run("resume", "--json", str(path)) == 0

    assert json.loads(capsys.readouterr().out)["answer"] == "12000"
    assert path.read_bytes() == before


def test_the_settings_of_a_run_are_recorded_and_its_secrets_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AGENT_RUNTIME_API_KEY", "sk-of-today")
    path = write(tmp_path / "run.jsonl", [started(seed=7, max_tokens=99, api_key="**********")])

    config = recorded_config(path)

    assert (config.seed, config.max_tokens, config.secrets()) == (7, 99, ["sk-of-today"])


def test_a_trace_that_another_run_writes_is_not_resumed(tmp_path: Path, capsys: Capture):
    (tmp_path / "transfers.csv").write_text("src,dst,amount\nAcme Ltd,Borealis LLC,12000\n")
    path = tmp_path / "run.jsonl"
    with Recorder(path) as recorder:
        recorder.record(started(seed=7))
        assert run("resume", str(path)) == 3

    assert "locked" in capsys.readouterr().err


def test_a_check_that_may_have_run_is_never_repeated_silently(tmp_path: Path, capsys: Capture):
    (tmp_path / "transfers.csv").write_text("src,dst,amount\nAcme Ltd,Borealis LLC,12000\n")
    path = tmp_path / "run.jsonl"
    with Recorder(path) as recorder:  # held, so that the run does not really go on
        for event in [started(seed=7), *a_run()[1:5]]:
            recorder.record(event)
        run("resume", str(path))

    assert "the 'sql' check of node 2 was under way; it is carried out again" in capsys.readouterr().err


# --- clean


@pytest.fixture
def kept(tmp_path: Path) -> list[Path]:
    folders = [tmp_path / "XDG_CACHE_HOME/agent-runtime", tmp_path / "XDG_STATE_HOME/agent-runtime/runs"]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 2_500_000)
    return folders


def test_clean_shows_and_frees_cache_and_traces(kept: list[Path], capsys: Capture):
    assert run("clean", "--yes") == 0

    assert capsys.readouterr().out.count("2.5 MB in 1 files") == 2
    assert not any(folder.exists() for folder in kept)


def test_clean_keeps_what_it_is_told_to(kept: list[Path]):
    run("clean", "--yes", "--keep-traces")

    assert [folder.exists() for folder in kept] == [False, True]


def test_clean_deletes_nothing_when_nobody_can_be_asked(kept: list[Path]):
    assert run("clean") == 2
    assert all(folder.exists() for folder in kept)


def test_clean_leaves_what_a_link_points_to(kept: list[Path], tmp_path: Path):
    precious = tmp_path / "precious"
    precious.mkdir()
    (kept[0] / "link").symlink_to(precious)

    run("clean", "--yes")

    assert precious.is_dir()


# --- doctor


@pytest.mark.slow
async def test_the_checkup_says_what_to_do_about_a_miss():
    async def missing() -> str:
        raise SandboxError("no Docker engine answers; install one")

    async def there() -> str:
        return "bubblewrap 0.8.0"

    found = {finding.name: finding for finding in await checkup({"Docker": missing, "bubblewrap": there})}

    assert (found["Docker"].is_ok, found["Docker"].remedy) == (False, "no Docker engine answers; install one")
    assert found["bubblewrap"].is_ok
    assert found["DuckDB"].is_ok
    assert all(finding.remedy for finding in found.values() if not finding.is_ok)


@pytest.mark.slow
@pytest.mark.weights
async def test_the_checkup_says_how_many_branches_fit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(REAL_CACHE))  # where the weights are

    found = {finding.name: finding for finding in await checkup({})}

    n_fit, _, memory = found["branches"].text.partition(" at once of 256 tokens ")
    assert int(n_fit) > 0
    assert "MiB each" in memory


def test_a_remedy_stands_on_the_screen_only_where_something_is_missing():
    from rich.console import Console

    console = Console(width=80)
    with console.capture() as capture:
        console.print(
            screen([Finding("a", True, "fine", "unused"), Finding("b", False, "gone", "install b")])
        )

    assert "install b" in capture.get()
    assert "unused" not in capture.get()


def test_tables_shows_how_a_file_is_read_and_a_setting_settles_it(tmp_path: Path, capsys: Capture):
    (tmp_path / "t.csv").write_text("day,v\n03/04/2024,1\nTotal,1\n")

    main_ends = run_to_end("tables", "t.csv", "--json")
    (reading,) = json.loads(capsys.readouterr().out)
    assert main_ends == 0
    assert [doubt["column"] for doubt in reading["doubts"]] == ["day"]
    assert [row["text"] for row in reading["left_out"]] == ["Total, 1"]

    run_to_end("tables", "t.csv", "--read", "t.day=date:dmy")
    shown = capsys.readouterr().out
    assert "date, day first" in shown
    assert "left out: last row (Total, 1): it is the sum of rows above" in shown


def test_a_setting_that_names_no_file_is_bad_input(tmp_path: Path, capsys: Capture):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")

    assert run("tables", "t.csv", "--read", "u.a=text") == 2
    assert_one_line(capsys, "names none of the files (t.csv)")


def run_to_end(*arguments: str) -> int:
    """Run a command that need not end the process; its exit code."""
    try:
        main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
