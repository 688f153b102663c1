"""The words of a question that nothing in its reading explains.

A reading by concepts passes over every word that it does not know, and one such word can turn the question round: what
was paid *except* to Birch, what was *refunded*, who paid *twice*. So a question is only planned where each of its words
is a name that the table holds, a point in time, a number that was read, the form of a concept, a word of the table's
own, or a word that asks for nothing (`known_words.txt`).
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from agent_runtime.planners.flow.lexicon import without_concepts
from agent_runtime.planners.flow.reading import without_what_is_read
from agent_runtime.types import TableSchema

_WORD = re.compile(r"[^\W_]+")
# The macros leave an account out of its own flows, so saying so changes nothing.
_ITSELF = re.compile(r"\b(?:without|ignor(?:e|ing)|exclud(?:e|ing)|leaving out)\b[^.,;?!]*\bitself\b")


def unexplained(
    question: str, names: Sequence[str], tables: Sequence[TableSchema], *, is_stepped: bool = False
) -> tuple[str, ...]:
    """The words that nothing explains, in their order; `names` are what the table holds of those in the question."""
    left = without_what_is_read(question, names, is_stepped=is_stepped)
    known = _known_words() | _table_words(tables)
    said = words(without_concepts(_ITSELF.sub(" ", left)))
    return tuple(word for word in said if word not in known and not (len(word) == 1 and word.isalpha()))


def words(text: str) -> list[str]:
    """The words of a text, in any script."""
    return _WORD.findall(text)


@cache
def _known_words() -> frozenset[str]:
    text = files("agent_runtime.planners.flow").joinpath("known_words.txt").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return frozenset(" ".join(lines).split())


def _table_words(tables: Sequence[TableSchema]) -> frozenset[str]:
    """The words of which tables and columns are called."""
    called = [name for table in tables for name in (table.name, *(column for column, _ in table.columns))]
    return frozenset(word for name in called for word in words(name.lower()))
