"""The kernel's own work a step, beside other agent frameworks: no model, one trivial tool call a step.

Run: python -m evals.overhead. Microseconds of CPU time a step (best of 5 runs), all sides in one process; a
framework that is not installed is named and left out. Building the agent is inside the timing, as a caller pays it.
"""

import importlib
import json
import logging
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

import anyio

LENGTHS = (10, 50, 200)
N_RUNS = 5

os.environ.setdefault("OPENAI_API_KEY", "none")
os.environ.setdefault("OPENAI_AGENTS_DISABLE_TRACING", "1")
logging.disable(logging.CRITICAL)


async def ours(n_steps: int) -> None:
    from agent_runtime.kernel.dispatch import Dispatcher
    from agent_runtime.kernel.loop import ReasoningLoop
    from agent_runtime.limits.budget import Meter
    from agent_runtime.models.scripted import ScriptedModel
    from agent_runtime.scoring.verifiers.checks import Checks
    from agent_runtime.search.chain import Chain
    from agent_runtime.search.graph import SearchGraph
    from agent_runtime.types import (
        Action,
        Check,
        FinalAnswer,
        Node,
        Observation,
        Plan,
        Prompt,
        Request,
        Step,
        Task,
    )

    class Adder:
        name = "add"
        description = "adds one"

        async def run(self, text: str, task: Task, seconds: float) -> Observation:
            result = str(int(text) + 1)
            return Observation("add", result, result)

    def script(request: Request) -> Action:
        n = len(request.path)
        if n == 0:
            return Plan(("count",))
        return Step("add one", Check("add", str(n))) if n <= n_steps else FinalAnswer("done")

    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    task = Task("t", "count")
    loop = ReasoningLoop(
        Prompt("count"),
        ScriptedModel(script),
        Dispatcher({"add": Adder()}, task),
        Checks(),
        graph,
        Meter(),
        lambda event: None,
    )
    await Chain().search(loop)
    assert len(graph.answers()) == 1


async def ours_64_branches(n_rounds: int) -> None:
    """64 branches side by side: the time of one round is 64 actions."""
    from agent_runtime.kernel.dispatch import Dispatcher
    from agent_runtime.kernel.loop import ReasoningLoop
    from agent_runtime.limits.budget import Meter
    from agent_runtime.models.scripted import ScriptedModel
    from agent_runtime.scoring.verifiers.checks import Checks
    from agent_runtime.search.graph import SearchGraph
    from agent_runtime.search.vote import Vote
    from agent_runtime.types import Action, FinalAnswer, Node, Plan, Prompt, Request, Step, Task

    def script(request: Request) -> Action:
        n = len(request.path)
        if n == 0:
            return Plan(("count",))
        return Step(f"thought {n}") if n < n_rounds else FinalAnswer("done")

    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    loop = ReasoningLoop(
        Prompt("count"),
        ScriptedModel(script),
        Dispatcher({}, Task("t", "count")),
        Checks(),
        graph,
        Meter(),
        lambda event: None,
    )
    await Vote(64, wave=64).search(loop)


async def smolagents(n_steps: int) -> None:
    smol = importlib.import_module("smolagents")
    models = importlib.import_module("smolagents.models")

    class Scripted(models.Model):
        n = 0

        def generate(self, messages: Any, **kwargs: Any) -> Any:
            self.n += 1
            name, arguments = (
                ("add", {"x": self.n}) if self.n <= n_steps else ("final_answer", {"answer": "done"})
            )
            function = models.ChatMessageToolCallFunction(name=name, arguments=arguments)
            call = models.ChatMessageToolCall(id=str(self.n), type="function", function=function)
            return models.ChatMessage(role="assistant", content="", tool_calls=[call])

    @smol.tool
    def add(x: int) -> int:
        """Add one.

        Args:
            x: a number
        """
        return x + 1

    agent = smol.ToolCallingAgent(tools=[add], model=Scripted(), max_steps=n_steps + 2, verbosity_level=0)
    assert agent.run("count") == "done"


async def pydantic_ai(n_steps: int) -> None:
    package = importlib.import_module("pydantic_ai")
    messages = importlib.import_module("pydantic_ai.messages")
    function = importlib.import_module("pydantic_ai.models.function")
    usage = importlib.import_module("pydantic_ai.usage")
    n = 0

    def respond(history: Any, info: Any) -> Any:
        nonlocal n
        n += 1
        if n > n_steps:
            return messages.ModelResponse(parts=[messages.TextPart("done")])
        return messages.ModelResponse(parts=[messages.ToolCallPart("add", {"x": n})])

    agent = package.Agent(function.FunctionModel(respond))

    @agent.tool_plain
    def add(x: int) -> int:
        return x + 1

    result = await agent.run("count", usage_limits=usage.UsageLimits(request_limit=None))
    assert result.output == "done"


async def langgraph(n_steps: int) -> None:
    graph_module = importlib.import_module("langgraph.graph")

    def think(state: dict[str, int]) -> dict[str, int]:
        return {"n": state["n"] + 1}

    def act(state: dict[str, int]) -> dict[str, int]:
        return {"total": state.get("total", 0) + 1}

    class State(TypedDict):
        n: int
        total: int

    graph = graph_module.StateGraph(State)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(graph_module.START, "think")
    graph.add_conditional_edges("think", lambda state: "act" if state["n"] <= n_steps else graph_module.END)
    graph.add_edge("act", "think")
    final = await graph.compile().ainvoke({"n": 0, "total": 0}, {"recursion_limit": 10 * n_steps + 10})
    assert final["total"] == n_steps


async def openai_agents(n_steps: int) -> None:
    agents = importlib.import_module("agents")
    responses = importlib.import_module("openai.types.responses")
    n = 0

    class Scripted(agents.Model):
        async def get_response(self, *args: Any, **kwargs: Any) -> Any:
            nonlocal n
            n += 1
            if n <= n_steps:
                item = responses.ResponseFunctionToolCall(
                    id=str(n),
                    call_id=str(n),
                    type="function_call",
                    name="add",
                    arguments=json.dumps({"x": n}),
                )
            else:
                text = responses.ResponseOutputText(text="done", type="output_text", annotations=[])
                item = responses.ResponseOutputMessage(
                    id="m", type="message", role="assistant", content=[text], status="completed"
                )
            return agents.ModelResponse(output=[item], usage=agents.Usage(), response_id=None)

        def stream_response(self, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError

    @agents.function_tool
    def add(x: int) -> int:
        return x + 1

    agent = agents.Agent(name="count", model=Scripted(), tools=[add])
    result = await agents.Runner.run(agent, "count", max_turns=n_steps + 2)
    assert result.final_output == "done"


PEERS: dict[str, Callable[[int], Awaitable[None]]] = {
    "smolagents": smolagents,
    "pydantic-ai": pydantic_ai,
    "langgraph": langgraph,
    "openai-agents": openai_agents,
}


async def microseconds(run: Callable[[int], Awaitable[None]], n_steps: int) -> float:
    """CPU time of a step: the best of some runs, after one to warm up."""
    await run(n_steps)
    best = float("inf")
    for _ in range(N_RUNS):
        started = time.process_time()
        await run(n_steps)
        best = min(best, time.process_time() - started)
    return best / n_steps * 1e6


async def table() -> None:
    print("CPU microseconds a step" + "".join(f"{n:>10}" for n in LENGTHS) + "   (steps)")
    for name, run in {"agent_runtime": ours, **PEERS}.items():
        try:
            cells = [await microseconds(run, n) for n in LENGTHS]
        except ModuleNotFoundError as error:
            print(f"{name:23} not installed ({error.name})")
            continue
        print(f"{name:23}" + "".join(f"{cell:10.0f}" for cell in cells))
    per_round = await microseconds(ours_64_branches, 12)
    print(f"agent_runtime, 64 branches: {per_round:.0f} microseconds a round of 64 actions")


if __name__ == "__main__":
    anyio.run(table)
