"""The judge of an answer: did its branch look at what the question names?

A query may be right SQL and still leave out half of the question, a calculation one of its numbers. So each cell of the
tables that the question names (`Prompt.mentions`), or each of its numbers where a branch only calculates, has to stand
in a check of the branch or in what one brought; each that does not halves the answer's score. Value linking as in
text-to-SQL (Lei et al. 2020, "Re-examining the role of schema linking in text-to-SQL", EMNLP), here turned round: it
does not tell a model what to write but judges what it wrote.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from agent_runtime.protocols import Verifier
from agent_runtime.types import FinalAnswer, Node, Prompt, Step, Verdict

CALCULATOR = "calc"
UNREAD = 0.5  # factor for every named value that no check looked at

_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


class Grounding:
    """Adds to another verifier's verdicts on answers how much of the question their branches looked at."""

    def __init__(self, first: Verifier) -> None:
        self._first = first

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """The first verifier's verdicts; on an answer that left something unread, with a score and what it was."""
        verdicts = await self._first.judge(prompt, paths)
        return [_judged(prompt, *pair) for pair in zip(paths, verdicts, strict=True)]


def _judged(prompt: Prompt, path: Sequence[Node], verdict: Verdict) -> Verdict:
    missed = unread(prompt, path) if isinstance(path[-1].action, FinalAnswer) else ()
    if not missed:
        return verdict
    evidence = f"no check looked at {', '.join(map(repr, missed))}, which the question names"
    return replace(verdict, evidence=evidence, score=UNREAD ** len(missed) * (verdict.score or 1.0))


def unread(prompt: Prompt, path: Sequence[Node]) -> tuple[str, ...]:
    """What the question names and neither a check of the path that succeeded nor its result shows."""
    results = [
        (node, node.observation) for node in path if node.observation and node.observation.outcome == "ok"
    ]
    seen = "\n".join(f"{_written(node)}\n{result.text}" for node, result in results).casefold()
    if results and not prompt.tables and all(result.tool == CALCULATOR for _, result in results):
        numbers = _numbers(seen)
        return tuple(number for number in _numbers(prompt.question) if number not in numbers)
    return tuple(mention for mention in prompt.mentions if mention.casefold() not in seen)


def _numbers(text: str) -> dict[str, None]:
    """The numbers in a text, without the commas between thousands, each once and in order."""
    return dict.fromkeys(found.replace(",", "") for found in _NUMBER.findall(text))


def _written(node: Node) -> str:
    """What a step asks its tool, quotes in SQL texts as they are read."""
    check = node.action.check if isinstance(node.action, Step) else None
    return check.input.replace("''", "'") if check is not None else ""
