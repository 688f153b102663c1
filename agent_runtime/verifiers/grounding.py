"""The judge of an answer: did its branch look at what the question names?

A query may be right SQL and still leave out half of the question. So each cell of the tables that the question
names (`Prompt.mentions`) has to stand in a check of the branch or in what one brought; each that does not halves
the answer's score. Value linking as in text-to-SQL (Lei et al. 2020, "Re-examining the role of schema linking in
text-to-SQL", EMNLP), here turned round: it does not tell a model what to write but judges what it wrote.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent_runtime.protocols import Verifier
from agent_runtime.types import FinalAnswer, Node, Prompt, Step, Verdict

UNREAD = 0.5  # factor for every named value that no check looked at


class Grounding:
    """Adds to another verifier's verdicts on answers how much of the question their branches looked at."""

    def __init__(self, first: Verifier) -> None:
        self._first = first

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """The first verifier's verdicts; on an answer that left something unread, with a score and what it was."""
        verdicts = await self._first.judge(prompt, paths)
        return [_judged(prompt, *pair) for pair in zip(paths, verdicts, strict=True)]


def _judged(prompt: Prompt, path: Sequence[Node], verdict: Verdict) -> Verdict:
    missed = unread(prompt.mentions, path) if isinstance(path[-1].action, FinalAnswer) else ()
    if not missed:
        return verdict
    evidence = f"no check looked at {', '.join(map(repr, missed))}, which the question names"
    return replace(verdict, evidence=evidence, score=UNREAD ** len(missed) * (verdict.score or 1.0))


def unread(mentions: Sequence[str], path: Sequence[Node]) -> tuple[str, ...]:
    """The mentions that stand neither in a check of the path nor in its result."""
    seen = "\n".join(text for node in path for text in _texts(node)).casefold()
    return tuple(mention for mention in mentions if mention.casefold() not in seen)


def _texts(node: Node) -> tuple[str, ...]:
    check = node.action.check if isinstance(node.action, Step) else None
    if check is None or node.observation is None or node.observation.outcome != "ok":
        return ()
    return check.input.replace("''", "'"), node.observation.text
