"""Did the checks that carry an answer look at what the question names?

A query may be right SQL and still leave out half of the question, a calculation one of its numbers. So each cell of the
tables that the question names (`Prompt.mentions`), each of its numbers and dates has to stand in a check of the
branch or in what one brought. And a calculation has to start somewhere: one whose numbers are neither the question's
nor a result's is made up. Value linking as in text-to-SQL (Lei et al. 2020, "Re-examining the role of schema linking
in text-to-SQL", EMNLP), here turned round: it does not tell a model what to write but judges what it wrote.
"""

import re
from collections.abc import Sequence
from fractions import Fraction

from agent_runtime.scoring.named_values import dates, numbers, values
from agent_runtime.scoring.reading import readable
from agent_runtime.types import Check, FinalAnswer, Node, Objection, Observation, Prompt, Verdict

Used = tuple[Check, Observation]  # a check that an answer may be read off, and what it brought

_ASIDE = re.compile(r"\([^()]*\)")


class Coverage:
    """Objects to an answer whose branch left something of the question unread."""

    async def judge(self, prompt: Prompt, paths: Sequence[tuple[Node, ...]]) -> list[Verdict]:
        """One verdict a path; only answers are objected to."""
        return [_judged(prompt, path) for path in paths]


def _judged(prompt: Prompt, path: Sequence[Node]) -> Verdict:
    if not isinstance(path[-1].action, FinalAnswer):
        return Verdict()
    used = [(node.check, node.observation) for node in readable(path) if node.check and node.observation]
    if not used:
        return Verdict()
    missed = unread(prompt, used)
    said = [f"no check looked at {', '.join(map(repr, missed))}, which the question names"] if missed else []
    if not prompt.tables and is_made_up(prompt, used):
        said.append("the checks start from no number that the question names")
    return Verdict(objections=tuple(Objection("coverage", text) for text in said))


def unread(prompt: Prompt, used: Sequence[Used]) -> tuple[str, ...]:
    """What the question names and neither a check nor its result shows."""
    seen = "\n".join(f"{_written(check)}\n{result.text}" for check, result in used)
    folded, known = seen.casefold(), values(seen) | _ends(prompt, used)
    n_rows = {result.table.n_rows for _, result in used if result.table is not None}
    mentions = [mention for mention in prompt.mentions if _is_meant(mention, prompt.question)]
    texts = [text for text in (*mentions, *dates(prompt.question)) if text.casefold() not in folded]
    named = numbers(_without(prompt.question, prompt.mentions))
    return (*texts, *(one.text for one in named if not one.values & known and not one.values & n_rows))


def _ends(prompt: Prompt, used: Sequence[Used]) -> frozenset[Fraction]:
    """What a program may mean by a number beside it: a range ends before its last, and starts at 0 or 1 unsaid."""
    programs = {tool.name for tool in prompt.tools if tool.form.is_verbatim}
    written = [_written(check) for check, _ in used if check.tool in programs]
    near = {value + shift for text in written for value in values(text) for shift in (-1, 1)}
    return frozenset({*near, Fraction(0), Fraction(1)} if written else ())


def is_made_up(prompt: Prompt, used: Sequence[Used]) -> bool:
    """Whether the first check has numbers and none of them stands in the question or its context."""
    first = values(_written(used[0][0]))
    meant = first | _ends(prompt, used[:1]) if first else first
    return bool(first) and not meant & values(f"{prompt.question}\n{prompt.context}")


def _is_meant(mention: str, question: str) -> bool:
    """Whether a question means a cell that it names: not in brackets, nor as an ordinary word.

    What stands in brackets says something again (a code, an example), and what has a bracket behind it is said again
    there. A word that the cell writes with capitals and the question without may be a word like any other.
    """
    places = list(re.finditer(re.escape(mention), _ASIDE.sub(_blank, question), re.I))
    return any(
        match[0] == mention and not question[match.end() :].lstrip().startswith("(") for match in places
    )


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _without(text: str, mentions: Sequence[str]) -> str:
    """A text without the cells that it names: the 5 of `Tape 5 m` is no number of the question."""
    folded = text
    for mention in sorted(mentions, key=len, reverse=True):
        place = folded.casefold().find(mention.casefold())
        if place >= 0:
            folded = f"{folded[:place]} {folded[place + len(mention) :]}"
    return folded


def _written(check: Check) -> str:
    """What a tool is asked, doubled quotes as they are read."""
    return check.input.replace("''", "'")
