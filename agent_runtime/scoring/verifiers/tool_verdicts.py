"""The first judge of a step: did its check hold? Needs no model and costs nothing."""

from collections.abc import Sequence

from agent_runtime.scoring.ranking import is_empty
from agent_runtime.types import Node, Prompt, Step, Verdict


class ToolVerdicts:
    """Verdict from the step's own observation.

    refuted: the check errs, times out, or says no. confirmed: a value, rows or a true relation came back; this
    confirms the observation, while what the thought claims is confirmed only where the check computes it.
    unchecked: there was no check, or its query brought no row or nothing but NULL.
    """

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path, for its last node."""
        return [tool_verdict(path[-1]) for path in paths]


def tool_verdict(node: Node) -> Verdict:
    """Verdict on one node from its observation alone."""
    if not isinstance(node.action, Step) or node.action.check is None or node.observation is None:
        return Verdict("unchecked")
    observation = node.observation
    evidence = f"{observation.tool}: {observation.brief}"
    if observation.outcome != "ok":
        return Verdict("refuted", evidence)
    return Verdict("unchecked" if is_empty(observation) else "confirmed", evidence)
