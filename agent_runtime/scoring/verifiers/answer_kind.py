"""The judge of an answer's kind: a question for a day is not answered by a name, one for a count not by "no".

Expected answer types of question answering (Li and Roth 2002, "Learning question classifiers", COLING), here as the few
kinds that the question's first asking word settles beyond doubt; any other question is left alone. A check cannot see
this: whatever a wrong query brought holds the answer up that quotes it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from agent_runtime.protocols import Verifier
from agent_runtime.types import FinalAnswer, Node, Prompt, Verdict

OFF_KIND = 0.5  # factor for an answer of another kind than the question asks for

# What asks, each as a named group; the first one in a question counts.
_ASKS = re.compile(
    r"""
    (?P<anything>  \b(?:whether|if)\b
                 | (?:^|[.:!?,]\s+)(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would)\b )
    | (?P<count>   (?<!\bby\ )\bhow\s+(?:many|much)\b | \bwhat\s+number\s+of\b )
    | (?P<day>     \b(?:which|what)\s+(?:calendar\s+)?(?:day|date)\b | (?:^|[.:!?]\s+)when\b )
    | (?P<party>   \bwho(?:se|m)?\b | \bwhich\s+(?:account|party|person|company|customer|payer|payee)\b )
    | (?P<thing>   \b(?:what|which|where)\b )
    """,
    re.I | re.X,
)
_YES_NO = re.compile(r"\s*(?:yes|no)\s*(?:[:,;]|\.?\s*$)", re.I)
_DATE = re.compile(r"\d{4}-\d\d?(?:-\d\d?)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}")
_DAY = re.compile(
    rf"{_DATE.pattern}|^\W*\d{{1,3}}\W*$|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mon|tue|wed|thu|fri|sat|sun)",
    re.I,
)
_COUNT = re.compile(
    r"\d|\b(?:no|none|zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b", re.I
)


class AnswerKind:
    """Adds to another verifier's verdicts on answers whether they are of the kind that the question asks for."""

    def __init__(self, first: Verifier) -> None:
        self._first = first

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """The first verifier's verdicts; on an answer of another kind, with a score and what was asked for."""
        verdicts = await self._first.judge(prompt, paths)
        return [_judged(prompt, path[-1], verdict) for path, verdict in zip(paths, verdicts, strict=True)]


def _judged(prompt: Prompt, node: Node, verdict: Verdict) -> Verdict:
    if not isinstance(node.action, FinalAnswer):
        return verdict
    kind = asked_kind(prompt.question)
    if is_of_kind(node.action.text, kind):
        return verdict
    evidence = "; ".join(filter(None, (verdict.evidence, f"the question asks for a {kind}")))
    score = OFF_KIND * (1.0 if verdict.score is None else verdict.score)
    return replace(verdict, evidence=evidence, score=score)


def asked_kind(question: str) -> str:
    """The kind that a question asks for: `count`, `day`, `party`, `thing`, or `anything` where it leaves that open."""
    asks = _ASKS.search(question)
    return (asks.lastgroup or "anything") if asks else "anything"


def is_of_kind(answer: str, kind: str) -> bool:
    """Whether an answer can be of a kind; in doubt it is."""
    match kind:
        case "count":
            return bool(_COUNT.search(answer)) and "->" not in answer and not _DATE.search(answer)
        case "day":
            return bool(_DAY.search(answer)) and "->" not in answer
        case "party":
            return not _YES_NO.match(answer) and not _DATE.fullmatch(answer.strip())
        case "thing":
            return not _YES_NO.match(answer)
        case _:
            return True
