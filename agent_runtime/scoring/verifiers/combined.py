"""Several verifiers as one: what each finds is put together, and the strictest finding decides."""

from collections.abc import Sequence
from math import prod

from agent_runtime.protocols import Verifier
from agent_runtime.types import Node, Prompt, Usage, Verdict, VerdictKind


class Combined:
    """Asks each verifier in turn about the same batch, and merges what they say of each path."""

    def __init__(self, *verifiers: Verifier) -> None:
        self._verifiers = verifiers

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path: all grounds, all objections, the product of the scores."""
        each = [await verifier.judge(prompt, paths) for verifier in self._verifiers]
        return (
            [merged(verdicts) for verdicts in zip(*each, strict=True)] if each else [Verdict() for _ in paths]
        )


def merged(verdicts: Sequence[Verdict]) -> Verdict:
    """What several verdicts on one node come to. An objection more never makes it better."""
    objections = tuple(one for verdict in verdicts for one in verdict.objections)
    grounds = tuple(dict.fromkeys(ground for verdict in verdicts for ground in verdict.grounds))
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    usages = [verdict.usage for verdict in verdicts if verdict.usage is not None]
    kinds = {verdict.kind for verdict in verdicts}
    kind: VerdictKind = "supported" if "supported" in kinds else "unchecked"
    if objections:
        kind = "unchecked"
    if "refuted" in kinds or any(one.is_refuting for one in objections):
        kind = "refuted"
    return Verdict(
        kind, grounds, objections, prod(scores) if scores else None, sum(usages, Usage()) if usages else None
    )
