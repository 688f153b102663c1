"""Did the step's own check hold? Needs no model and costs nothing."""

from collections.abc import Sequence

from agent_runtime.types import Node, Objection, Prompt, Step, Verdict


class Checks:
    """A step's verdict from its own observation.

    refuted: the check errs, times out, or says no. supported: a value, rows or a true relation came back, which
    supports the observation; what the thought claims is supported only where the check computes it. unchecked: no
    check.
    """

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path, for its last node."""
        return [checked(path[-1]) for path in paths]


def checked(node: Node) -> Verdict:
    """Verdict on one node from its observation alone."""
    if not isinstance(node.action, Step) or node.action.check is None or node.observation is None:
        return Verdict()
    observation = node.observation
    said = f"{observation.tool}: {observation.brief}"
    if observation.outcome != "ok":
        return Verdict("refuted", objections=(Objection("checks", said, is_refuting=True),))
    return Verdict("supported", (said,))
