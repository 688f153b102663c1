import anyio
import pytest

from agent_runtime.errors import SandboxError, ToolError
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.types import Check, Observation, Task
from tests.fakes import TASK, Adder


class Hanging:
    name = "hang"
    description = "never ends"

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        await anyio.sleep_forever()
        raise AssertionError


class Broken:
    name = "broken"
    description = "its sandbox is dead"

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        raise SandboxError("the engine is gone")


async def test_identical_checks_run_once_and_the_rest_is_marked_cached():
    adder = Adder()
    dispatcher = Dispatcher({"calc": adder}, TASK)

    first, second = await dispatcher.run([Check("calc", "1+1")] * 2)
    (third,) = await dispatcher.run([Check("calc", "1+1")])

    assert adder.inputs == ["1+1"]
    assert [seen.is_cached for seen in (first, second, third)] == [False, True, True]
    assert first.text == third.text == "2"


async def test_a_tool_error_is_an_observation_with_one_short_line_for_the_model():
    dispatcher = Dispatcher({"calc": Adder()}, TASK)

    (seen,) = await dispatcher.run([Check("calc", "x" * 300)])

    assert seen.outcome == "error"
    assert seen.brief.startswith("error: cannot add")
    assert len(seen.brief) <= len("error: ") + 100
    assert "second line" in seen.text
    assert "\n" not in seen.brief


async def test_an_unknown_tool_names_those_there_are():
    (seen,) = await Dispatcher({"calc": Adder()}, TASK).run([Check("web", "x")])

    assert seen.outcome == "error"
    assert "calc" in seen.brief


async def test_a_tool_that_ignores_its_limit_is_cancelled(monkeypatch):
    monkeypatch.setattr("agent_runtime.kernel.dispatch.GRACE_SECONDS", 0.0)

    (seen,) = await Dispatcher({"hang": Hanging()}, TASK, seconds=0.01).run([Check("hang", "")])

    assert seen.outcome == "timeout"


async def test_a_dead_sandbox_is_raised_as_itself_also_among_parallel_checks():
    dispatcher = Dispatcher({"calc": Adder(), "broken": Broken()}, TASK)

    with pytest.raises(SandboxError, match="engine is gone"):
        await dispatcher.run([Check("calc", "1+1"), Check("broken", ""), Check("calc", "2+2")])


async def test_a_users_tool_that_raises_tool_error_needs_no_more():
    class Refusing:
        name = "no"
        description = ""

        async def run(self, text: str, task: Task, seconds: float) -> Observation:
            raise ToolError("")

    (seen,) = await Dispatcher({"no": Refusing()}, TASK).run([Check("no", "")])

    assert seen.outcome == "error"
