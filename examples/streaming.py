"""What happens in a run, while it happens: the same events that stand in its trace."""

import anyio

from agent_runtime import RunConfig, open_runtime
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.trace.events import NodeAdded, RunFinished
from agent_runtime.types import Check, FinalAnswer, Plan, Step


async def main() -> None:
    """Print every event of one run, with what it brings."""
    script = branches(
        [
            Plan(("Multiply", "Answer")),
            Step("Multiply.", Check("calc", "15 * 2340 / 100")),
            FinalAnswer("351"),
        ]
    )
    config = RunConfig(strategy="chain", min_confidence=0.4)  # a single branch is never very sure
    async with open_runtime(config, model=ScriptedModel(script)) as runtime:
        async for event in runtime.stream("What is 15 % of 2340?"):
            match event:
                case NodeAdded(node) if node.observation is not None:
                    print(event.kind, node.observation.tool, node.observation.brief, node.verdict.kind)
                case RunFinished(answer):
                    print(event.kind, answer.text, answer.verdict)
                case _:
                    print(event.kind)


if __name__ == "__main__":
    anyio.run(main)
