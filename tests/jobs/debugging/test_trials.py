"""The `edit` tool of a debugging run: trials refute in batches, and only a run of the command itself confirms."""

from collections.abc import Sequence
from functools import partial

import pytest

from agent_runtime.concurrency import gather
from agent_runtime.errors import SandboxError, ToolError
from agent_runtime.jobs.debugging.experiments import Trial
from agent_runtime.jobs.debugging.trials import TrialledEdit, n_held
from agent_runtime.types import Observation, Task

SOURCES = {"main.py": "def f(x):\n    return x - 1\n\n\nassert f(2) == 3\n"}
TASK = Task("t", "Why?")
RIGHT, WRONG, LOST = "main.py:2-2\n    return x + 1", "main.py:2-2\n    return x", "main.py:2-2\n    return 7"


class Experiments:
    """Knows what each variant comes to, and remembers the batches."""

    def __init__(self, error: Exception | None = None) -> None:
        self.batches: list[int] = []
        self._error = error

    async def run(self, mode: str, variants: Sequence[dict[str, str]], inputs: object = ()) -> list[Trial]:
        self.batches.append(len(variants))
        if self._error is not None:
            raise self._error
        return [self._trial(one["main.py"]) for one in variants]

    def _trial(self, text: str) -> Trial:
        if "return 7" in text:
            return Trial(is_passing=False, said="", is_lost=True)
        return Trial(is_passing="x + 1" in text, said="AssertionError", n_passed=int("x + 1" in text))


class Command:
    """The built-in tool: passes every edit of the program, refuses what is none."""

    name = "edit"
    description = "an edit"

    def __init__(self) -> None:
        self.inputs: list[str] = []

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        self.inputs.append(text)
        if not text.startswith("main.py:2-2"):
            raise ToolError("no edit")
        return Observation("edit", "fine", "fine")


async def observed(tool: TrialledEdit, texts: Sequence[str]) -> list[Observation]:
    return await gather([partial(tool.run, text, TASK, 9.0) for text in texts])


async def test_calls_that_come_together_are_tried_together_and_what_fails_is_not_run_again():
    experiments, command = Experiments(), Command()
    tool = TrialledEdit(command, experiments, SOURCES, 2.0)  # type: ignore[arg-type]

    found = await observed(tool, [WRONG, RIGHT, WRONG])

    assert experiments.batches == [3]
    assert [one.outcome for one in found] == ["false", "ok", "false"]
    assert [n_held(one) for one in found] == [0, 1, 0]
    assert command.inputs == [RIGHT]


async def test_a_trial_that_gave_no_result_refutes_nothing():
    command = Command()
    tool = TrialledEdit(command, Experiments(), SOURCES, 2.0)  # type: ignore[arg-type]

    (found,) = await observed(tool, [LOST])

    assert (found.outcome, command.inputs) == ("ok", [LOST])


@pytest.mark.parametrize("text", ["main.py:9-12\nx", "other.py:1-1\nx", "no edit"])
async def test_what_is_no_edit_of_the_program_is_refused_by_the_tool_itself(text: str):
    experiments = Experiments()
    tool = TrialledEdit(Command(), experiments, SOURCES, 2.0)  # type: ignore[arg-type]

    with pytest.raises(ToolError, match="no edit"):
        await tool.run(text, TASK, 9.0)
    assert experiments.batches == []


async def test_a_sandbox_that_fails_fails_for_the_whole_batch_and_the_next_is_a_new_one():
    experiments = Experiments(SandboxError("gone"))
    tool = TrialledEdit(Command(), experiments, SOURCES, 2.0)  # type: ignore[arg-type]

    for _ in range(2):
        with pytest.raises(SandboxError, match="gone"):
            await observed(tool, [WRONG, RIGHT])

    assert experiments.batches == [2, 2]


def test_what_held_is_read_from_a_trial_alone():
    assert n_held(Observation("edit", "7", "7")) == 0
    assert n_held(None) == 0
