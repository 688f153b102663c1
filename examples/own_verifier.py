"""A verifier of one's own: it objects to what it knows cannot be, beside the verifiers that are there.

Two branches answer: one adds up a refund with the wrong sign. The verifier refutes it, and the other one stands.
"""

from collections.abc import Sequence

import anyio

from agent_runtime import RunConfig, open_runtime
from agent_runtime.models.scripted import ScriptedModel, branches
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.types import Check, FinalAnswer, Node, Objection, Prompt, Step, Verdict


class NoNegativeStock:
    """Refutes every step whose result is below zero."""

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path, for its last node."""
        return [self._judged(path[-1]) for path in paths]

    def _judged(self, node: Node) -> Verdict:
        if node.observation is None or not node.observation.text.startswith("-"):
            return Verdict()
        objection = Objection("no_negative_stock", "there cannot be fewer than none", is_refuting=True)
        return Verdict("refuted", objections=(objection,))


async def main() -> None:
    """Let two branches answer, and see which one is believed."""
    script = branches(
        [Step("Subtract.", Check("calc", "12 - 40")), FinalAnswer("-28")],
        [Step("Add.", Check("calc", "12 + 40")), FinalAnswer("52")],
    )
    verifier = Combined(Checks(), NoNegativeStock())
    config = RunConfig(strategy="vote:4")
    async with open_runtime(config, model=ScriptedModel(script), verifier=verifier) as runtime:
        answer = await runtime.solve("How many are there after 40 came to the 12?")
        print(answer.text, answer.verdict)


if __name__ == "__main__":
    anyio.run(main)
