"""Small parts for tests of the kernel: a scripted run without model, tools or trace."""

from collections.abc import Sequence

from agent_runtime.errors import ToolError
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.kernel.loop import ReasoningLoop
from agent_runtime.limits.budget import Budget, Meter
from agent_runtime.models.scripted import Script, ScriptedModel
from agent_runtime.protocols import Tool
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.search.graph import SearchGraph
from agent_runtime.trace.events import Event
from agent_runtime.types import Action, Check, FinalAnswer, Node, Observation, Plan, Prompt, Step, Task, Value

TASK = Task("t", "How much?")
PLAN = Plan(("Compute it",))


class Adder:
    """A calculator for `a + b` that counts its calls and refuses everything else."""

    name = "calc"
    description = "adds two numbers"

    def __init__(self) -> None:
        self.inputs: list[str] = []

    async def run(self, text: str, task: Task, seconds: float) -> Observation:
        self.inputs.append(text)
        try:
            total = str(sum(int(part) for part in text.split("+")))
        except ValueError:
            raise ToolError(f"cannot add {text!r}\nsecond line") from None
        return Observation("calc", total, total, value=Value("INTEGER", int(total)))


def step(text: str, thought: str = "Add.") -> Step:
    return Step(thought, Check("calc", text))


def answer(text: str) -> FinalAnswer:
    return FinalAnswer(text)


class Run:
    """A loop over a scripted model, with everything it emitted."""

    def __init__(
        self,
        script: Script,
        budget: Budget = Budget(),
        tools: Sequence[Tool] | None = None,
        score: float | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.model = ScriptedModel(script, None if score is None else lambda _: score)
        self.graph = SearchGraph()
        self.graph.add(Node(0, None, 0, seed=7))
        self.meter = Meter(budget)
        self.adder = Adder()
        named = {tool.name: tool for tool in (tools or [self.adder])}
        self.loop = ReasoningLoop(
            Prompt("How much?"),
            self.model,
            Dispatcher(named, TASK, seconds=5.0),
            Combined(Checks(), Judge(self.model)),
            self.graph,
            self.meter,
            self.events.append,
        )

    def actions(self) -> list[Action | None]:
        return [node.action for node in self.graph]
