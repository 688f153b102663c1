import json

import pytest

from agent_runtime.config import RunConfig
from agent_runtime.errors import InputError
from agent_runtime.scoring.intervals import wilson
from agent_runtime.types import Answer, Execution, SandboxJob, Task, Usage
from evals.command import column_names
from evals.packs.floor import floor_answer
from evals.packs.items import Item, read_pack
from evals.packs.run import Result, floor_column, reliability, runtime_column, sample
from evals.packs.scoring import is_right


class ExitCode:
    """A sandbox whose every program ends with one exit code."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.jobs: list[SandboxJob] = []

    async def run(self, job: SandboxJob, scope: str) -> Execution:
        self.jobs.append(job)
        return Execution(self.exit_code, "", "")

    async def release(self, scope: str) -> None:
        pass

    async def aclose(self) -> None:
        pass


def item(answer, checker="numeric", check=None, **rest) -> Item:
    return Item("i-1", "k", "How many?", answer, checker, check or {}, **rest)


@pytest.mark.parametrize(
    ("gold", "checker", "check", "answer", "right"),
    [
        (1200, "numeric", {}, "$1,200.00", True),
        (1200, "numeric", {}, "It is 1,200.", True),
        (-5.0, "numeric", {}, "(5)", True),
        (0.5, "numeric", {}, "1/2", True),
        (3, "numeric", {}, "4", False),
        (3, "numeric", {}, "none", False),
        (["a", "b"], "set", {}, "B, a", True),
        (["a", "b"], "set", {"ordered": True}, "B | a", False),
        (["a", "b"], "set", {"ordered": True}, "a -> b", True),
        (["a", "a"], "set", {}, "a, b", False),
        ([[1, "x"], [2, "y"]], "set", {}, [["2.0", "Y"], ["1", "x"]], True),
        ("Zürich", "exact", {}, "zurich.", True),
        ("(B)", "exact", {"norm": "choice"}, "The answer is (B)", True),
        (r"\frac{1}{2}", "exact", {"norm": "latex"}, r"$\dfrac12$", True),
        ("x+1", "exact", {"norm": "latex"}, "x+2", False),
    ],
)
async def test_a_checker_accepts_what_means_the_same_and_nothing_else(gold, checker, check, answer, right):
    assert await is_right(item(gold, checker, check), answer, ExitCode(1)) is right


@pytest.mark.parametrize("exit_code", [0, 1])
async def test_hidden_tests_run_in_the_sandbox_beside_the_answer(exit_code):
    sandbox = ExitCode(exit_code)
    check = {"answer_file": "a.txt", "cmd": ["python", "t.py"], "hidden_files": {"t.py": "exit()"}}

    assert await is_right(item("x", "tests", check), "mine", sandbox) is (exit_code == 0)
    assert sandbox.jobs[0].argv == ("python3", "t.py")
    assert sandbox.jobs[0].files == {"t.py": b"exit()", "a.txt": b"mine"}


async def test_no_answer_is_never_right():
    assert not await is_right(item(1), None, ExitCode(0))


def test_an_item_never_shows_its_gold_to_the_task(tmp_path):
    task = item(4711, files={"t.csv": "a,b\n1,2\n", "n.txt": "a note"}).place(tmp_path, "t1")

    assert "4711" not in repr(task)
    assert task.tables == (tmp_path / "t.csv",)
    assert task.context == "a note"


def test_a_file_name_that_leaves_the_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="leaves its folder"):
        item(1, files={"../x.csv": ""}).place(tmp_path, "t1")


def test_a_bad_line_of_a_pack_is_named(tmp_path):
    pack = tmp_path / "p.jsonl"
    pack.write_text(json.dumps({"id": "x"}) + "\n")

    with pytest.raises(InputError, match="line 1"):
        read_pack(pack)


def test_the_floor_finds_the_cell_that_the_words_name():
    table = "name,points\nAnna,3\nBert,9\n"
    asked = Item("i", "k", "how many points did Bert get?", "9", "exact", files={"t.csv": table})

    assert floor_answer(asked) == "9"


def test_a_sample_is_seeded_and_keeps_the_order():
    items = [item(n) for n in range(50)]

    chosen = sample(items, 10, seed=3)

    assert chosen == sample(items, 10, seed=3)
    assert [one.answer for one in chosen] == sorted(one.answer for one in chosen)


def test_the_interval_holds_the_share_and_shrinks():
    low, high = wilson(5, 10)
    narrow_low, narrow_high = wilson(500, 1000)

    assert low < 0.5 < high
    assert narrow_high - narrow_low < high - low


def test_every_gold_answer_of_the_packs_is_right_by_its_own_checker(shared):
    import anyio

    async def wrong() -> list[str]:
        return [
            one.id
            for pack in sorted((shared / "packs").glob("*.jsonl"))
            for one in read_pack(pack)
            if one.checker != "tests" and not await is_right(one, one.answer, ExitCode(1))
        ]

    assert anyio.run(wrong) == []


class Solver:
    """A runtime that answers with the question, or fails on the item named `bad`."""

    def new_task(self, question: str) -> Task:
        return Task(question.replace(" ", "-").strip("?"), question)

    async def solve(self, task: Task) -> Answer:
        if "bad" in task.question:
            raise ZeroDivisionError("a defect")
        return Answer("7", 0.9, "confirmed", (), Usage(), "answered")


async def test_an_item_on_which_the_runtime_crashes_is_noted_and_the_others_go_on():
    items = [Item("1", "k", "good", 7, "numeric"), Item("2", "k", "bad", 7, "numeric")]

    column = await runtime_column("x", Solver(), items, ExitCode(0))  # type: ignore[arg-type]

    assert [result.is_right for result in column.results] == [True, False]
    assert column.results[1].error == "ZeroDivisionError: a defect"


async def test_the_floor_is_a_guess_that_asks_neither_model_nor_planner():
    column = await floor_column([Item("1", "k", "7 boxes of 3 pens?", 21, "numeric")], ExitCode(0))

    assert (column.name, column.n_right, column.usage) == ("blind guess", 1, Usage())


@pytest.mark.parametrize(
    ("planner", "names"),
    [
        ("auto", ["blind guess", "planner alone", "model alone", "model with tools", "with planners"]),
        ("none", ["blind guess", "model alone", "model with tools"]),
    ],
)
def test_the_columns_say_who_wrote_what(planner, names):
    assert column_names(RunConfig.load({"planner": planner})) == names


def test_reliability_sets_stated_confidence_beside_the_share_that_is_right():
    one = item(1)
    results = [Result(one, "1", True, 0.9), Result(one, "2", False, 0.85), Result(one, "3", False, 0.1)]

    assert reliability(results) == [("0.0 to 0.2", 1, 0.1, 0.0), ("0.8 to 1.0", 2, pytest.approx(0.875), 0.5)]


def test_a_program_to_repair_is_told_from_other_items_with_tests():
    program = item(None, "tests", files={"solution.py": "x = 1", "test_example.py": "assert x"})

    assert program.is_program
    assert program.visible_test == "test_example.py"
    assert not item(None, "tests", files={"puzzle.txt": "24"}).is_program
