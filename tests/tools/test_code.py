"""The python and edit tools: outcomes, what a model reads, edits by line, and the user's files left alone."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent_runtime.errors import InputError, ToolError
from agent_runtime.trace.events import NodeAdded
from agent_runtime.trace.reader import read
from agent_runtime.types import Execution, Node, SandboxJob, Task, Value
from agent_runtime_sandboxes import ProcessSandbox
from agent_runtime_sandboxes.wire import encode
from agent_runtime_tools.code import BRIEF_CHARACTERS, Edit, Python, apply_edit, observe
from agent_runtime_tools.code_shape import code_shape
from agent_runtime_tools.database import Database
from agent_runtime_tools.snapshot import MAX_BYTES, snapshot
from tests.trace.runs import started, write


class Recording:
    """A sandbox that remembers jobs and scopes, and answers with what it was given."""

    def __init__(self, execution: Execution | None = None) -> None:
        self.execution = execution or Execution(0, "", "")
        self.jobs: list[SandboxJob] = []
        self.released: list[str] = []

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        self.jobs.append(job)
        return self.execution

    async def release(self, scope: str) -> None:
        self.released.append(scope)

    async def aclose(self) -> None:
        pass


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "shop.py").write_text("def total():\n    return 41\n")
    (tmp_path / "check.py").write_text(
        "import sys; sys.path.insert(0, 'src')\nimport shop\nassert shop.total() == 42\n"
    )
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("secret")
    return tmp_path


async def test_code_that_prints_is_ok():
    observation = await Python(Recording(Execution(0, "2\n", ""))).run("print(1+1)", Task("t", "?"), 5.0)

    assert (observation.outcome, observation.text, observation.brief) == ("ok", "2\n", "2")


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("rows: 3\n42\n", Value("INTEGER", 42)),
        ("0.00416666666666667\n", Value("NUMBER", "0.00416666666666667")),
        ("1e-9\n", Value("NUMBER", "1e-9")),
        ("True\n", Value("BOOLEAN", True)),
        ("Oslo\n", Value("TEXT", "Oslo")),
        ("the total is 5\n", None),
        ("[1, 2]\n", None),
        ("", None),
    ],
)
async def test_a_last_line_that_is_one_value_is_the_value(printed: str, value: Value | None):
    observation = await Python(Recording(Execution(0, printed, ""))).run("print(x)", Task("t", "?"), 5.0)

    assert observation.value == value


async def test_code_that_fails_has_no_value():
    observation = await Python(Recording(Execution(1, "42\n", ""))).run(
        "print(42); assert 0", Task("t", "?"), 5.0
    )

    assert observation.value is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "print(sum(x for x in [1, 2] if x > 1))",
            "total = max(y for y in [3, 4, 5] if y < 9)\nprint(total)",
        ),
        ("x = 1 +", "((("),
        ("print(1)", "print('a')"),
    ],
)
def test_programs_of_one_structure_have_one_shape(one: str, other: str):
    assert code_shape(one) == code_shape(other)


def test_a_loop_is_another_derivation_than_a_comprehension():
    loop = "total = 0\nfor x in range(5):\n    total += x\nprint(total)"

    assert set(code_shape("print(sum(x for x in range(5)))")) ^ set(code_shape(loop)) >= {
        "python:loop",
        "python:comprehension",
    }


@pytest.mark.parametrize("tool", [Database, Python, Edit])
def test_every_tool_brings_a_guide_and_a_worked_example(tool):
    assert len(tool.form.guide) < 480  # 120 tokens
    assert tool.form.demonstrations[0].input
    assert tool.form.is_verbatim == (tool is not Database)


async def test_the_trace_says_in_which_image_code_ran(tmp_path: Path):
    place = f"docker sha256:{'0' * 64}"
    sandbox = Recording(Execution(0, "2\n", "", place=place))

    observation = await Python(sandbox).run("print(1+1)", Task("t", "?"), 5.0)
    written = write(tmp_path / "run.jsonl", [started(), NodeAdded(Node(1, 0, 1, observation=observation))])

    (node,) = (event.node for event in read(written).events if isinstance(event, NodeAdded))
    assert node.observation is not None
    assert node.observation.place == place


async def test_code_that_prints_nothing_says_so():
    observation = await Python(Recording()).run("assert True", Task("t", "?"), 5.0)

    assert (observation.outcome, observation.brief) == ("ok", "(no output)")


async def test_code_that_fails_refutes_with_its_traceback():
    execution = Execution(1, "", "Traceback ...\nAssertionError: no\n")
    observation = await Python(Recording(execution)).run("assert False, 'no'", Task("t", "?"), 5.0)

    assert observation.outcome == "false"
    assert observation.brief.endswith("AssertionError: no")


@pytest.mark.parametrize(
    ("execution", "outcome", "words"),
    [
        (Execution(-9, "", "", is_timeout=True), "timeout", "limit of 5 s"),
        (Execution(-9, "", "", is_out_of_memory=True), "false", "too much memory"),
        (Execution(0, "fine", "", is_out_of_memory=True), "false", "too much memory"),
        (Execution(-11, "", ""), "false", "signal 11"),
        (Execution(3, "", ""), "false", "exit code 3"),
        (Execution(0, "x", "", is_stdout_truncated=True), "ok", "output was cut"),
    ],
)
def test_every_ending_is_told_in_words(execution: Execution, outcome: str, words: str):
    observation = observe("python", execution, 5.0)

    assert observation.outcome == outcome
    assert words in observation.brief


@given(st.text())
def test_a_model_reads_at_most_ten_lines_and_five_hundred_characters(text: str):
    brief = observe("python", Execution(0, text * 50, ""), 5.0).brief

    assert len(brief) <= 500
    assert len(brief.splitlines()) <= 10


async def test_no_code_is_the_models_error():
    with pytest.raises(ToolError):
        await Python(Recording()).run(" \n", Task("t", "?"), 5.0)


async def test_code_runs_over_a_snapshot_of_the_folder(program: Path):
    sandbox = Recording()
    await Python(sandbox).run("1", Task("t", "?", folder=program), 5.0)

    assert set(sandbox.jobs[0].files) == {"src/shop.py", "check.py"}


async def test_the_snapshot_is_taken_once_a_task(program: Path):
    sandbox, task = Recording(), Task("t", "?", folder=program)
    tool = Python(sandbox)
    await tool.prepare(task)
    (program / "later.py").write_text("")
    await tool.run("1", task, 5.0)

    assert "later.py" not in sandbox.jobs[0].files


async def test_release_gives_the_trust_domain_back(program: Path):
    sandbox = Recording()
    await Python(sandbox).release(Task("t", "?"))

    assert sandbox.released == ["t"]


async def test_a_folder_that_is_not_there_is_the_users_error(tmp_path: Path):
    with pytest.raises(InputError):
        await Python(Recording()).prepare(Task("t", "?", folder=tmp_path / "none"))


def test_a_folder_that_is_too_large_is_refused_not_cut(tmp_path: Path):
    (tmp_path / "big").write_bytes(bytes(MAX_BYTES + 1))

    with pytest.raises(InputError):
        snapshot(tmp_path)


def test_a_snapshot_follows_no_link(tmp_path: Path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a.py:2-2\nB", "1\nB\n3\n"),
        ("a.py:1-3\nx\ny", "x\ny\n"),
        ("a.py:2-3", "1\n"),
        ("a.py:2-1\nnew", "1\nnew\n2\n3\n"),
        ("a.py:4-3\nend", "1\n2\n3\nend\n"),
        ("./a.py:2-2\nB\n", "1\nB\n3\n"),
        ("/work/run/a.py:2-2\n    indented", "1\n    indented\n3\n"),
    ],
    ids=["replace", "all", "delete", "insert", "append", "dot", "path of a traceback"],
)
def test_an_edit_replaces_lines(text: str, after: str):
    assert apply_edit(text, {"a.py": b"1\n2\n3\n"}) == {"a.py": after.encode()}


@pytest.mark.parametrize("content", [b"1\r\n2\r\n", b"1\n2", b"1\r\n2"])
def test_line_ends_stay_as_the_file_has_them(content: bytes):
    assert apply_edit("a:2-2\n2", {"a": content}) == {"a": content}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.py",
        "a.py:2",
        "a.py:2-",
        "a.py:x-y\n1",
        "b.py:1-1\n",
        "a.py:0-1\n",
        "a.py:3-1\n",
        "a.py:1-9\n",
        "../a.py:1-1",
    ],
)
def test_a_malformed_edit_says_what_would_be_right(text: str):
    with pytest.raises(ToolError):
        apply_edit(text, {"a.py": b"1\n2\n3\n"})


@given(st.text(), st.binary(max_size=50))
def test_any_text_is_an_edit_or_the_models_error(text: str, content: bytes):
    files = {"a": content}
    try:
        edited = apply_edit(text, files)
    except ToolError:
        edited = files
    assert edited.keys() == files.keys()


@given(st.lists(st.text(alphabet="ab ", max_size=5), min_size=1, max_size=8), st.data())
def test_replacing_lines_by_themselves_changes_nothing(lines: list[str], data: st.DataObject):
    first = data.draw(st.integers(1, len(lines)))
    last = data.draw(st.integers(first, len(lines)))
    content = "\n".join(lines).encode() + b"\n"

    text = f"a:{first}-{last}\n" + "\n".join(lines[first - 1 : last]) + "\n"

    assert apply_edit(text, {"a": content}) == {"a": content}


async def test_an_edit_reruns_the_failing_command_and_leaves_the_users_files_alone(program: Path):
    before = snapshot(program)
    sandbox = ProcessSandbox(n_warm=0)
    task = Task("t", "?", folder=program, command=("python", "check.py"))
    tool = Edit(sandbox)

    wrong = await tool.run("src/shop.py:2-2\n    return 40", task, 20.0)
    right = await tool.run("src/shop.py:2-2\n    return 42", task, 20.0)
    await sandbox.aclose()

    assert (wrong.outcome, right.outcome) == ("false", "ok")
    assert "AssertionError" in wrong.brief
    assert snapshot(program) == before


# --- anything at all


class Encoding(Recording):
    """A sandbox that does all that comes before a process: it puts the job on the wire."""

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        encode(job, {})
        return self.execution


# Lone surrogates too: a model's bytes need not be text.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
TARGETS = st.sampled_from(
    ["a.py", "./a.py", "/work/run/a.py", "../a.py", "/etc/passwd", "bin", "", "a.py:1-1", "ä", "a\0"]
)
BOUNDS = st.integers(-1, 6).map(str) | st.sampled_from(["", "x", "٣", "1e9", "9999999", "99999999"])
EDITS = st.builds(
    "{}:{}-{}{}{}".format, TARGETS, BOUNDS, BOUNDS, st.sampled_from(["\n", "\r\n", "\r", " ", ""]), ANY_TEXT
)
EXECUTIONS = st.builds(
    Execution,
    st.sampled_from([0, 1, -9, -11]),
    ANY_TEXT | st.just("x" * 5_000),
    ANY_TEXT,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(text=ANY_TEXT | EDITS, execution=EXECUTIONS)
@settings(max_examples=300, deadline=None)
async def test_any_text_for_python_or_edit_gives_an_observation_or_a_tool_error(text, execution):
    await check_any_text(text, execution)


@pytest.mark.soak
@given(text=ANY_TEXT | EDITS, execution=EXECUTIONS)
@settings(max_examples=10_000, deadline=None)
async def test_ten_thousand_texts_for_python_or_edit_give_an_observation_or_a_tool_error(text, execution):
    await check_any_text(text, execution)


async def check_any_text(text: str, execution: Execution) -> None:
    sandbox = Encoding(execution)
    edit, task = Edit(sandbox), Task("t", "?", folder=Path("/somewhere"), command=("python", "a.py"))
    edit._snapshots[task.id] = {"a.py": b"1\n2\n3\n", "bin": b"\xff\n"}
    for tool in (Python(sandbox), edit):
        try:
            observation = await tool.run(text, task if tool is edit else Task("t", "?"), 5.0)
        except ToolError as error:
            said = str(error)
        else:
            said = observation.brief
        assert 0 < len(said) <= BRIEF_CHARACTERS


async def test_an_edit_without_a_program_is_the_models_error():
    with pytest.raises(ToolError):
        await Edit(Recording()).run("a:1-1\n", Task("t", "?"), 5.0)
