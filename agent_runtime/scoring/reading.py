"""Is an answer read off a check's result, and off which?

An answer is covered by the values that came back: cells first, the longest first, then its numbers, which may be
roundings. What is left may only be names that the question itself gives (where a chain starts), and no more loose words
than values (a unit, an "and"). Where a check brought one single value, a whole sentence around it is read off it, too.
A check that only looked a name up is never read.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from agent_runtime.scoring import polynomial
from agent_runtime.scoring.equivalence import equal
from agent_runtime.scoring.named_values import values
from agent_runtime.types import Cell, FinalAnswer, Node, Observation, Step

Branch = Sequence[Node]

MAX_CELLS = 5_000  # of one result; an answer quotes a few
TAKEN = "\0"
TRUTHS = {True: ("true", "yes"), False: ("false", "no")}

_NUMBER = re.compile(r"(?<![\w.])[-+\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\w]|\.\d)")
_SEPARATORS = " \t\n.,;:|&+->→⟶=>'\"`\u201c\u201d\u2018\u2019()[]{}*$€£¥%?!/"
_WORD = re.compile(r"[^\W\d_]+")
_PIECES = re.compile(r"[\n|≈=:]")
_PARTS = re.compile(r"->|=>|→|⟶|[;|\n]|,\s")


@dataclass(frozen=True, slots=True)
class Shown:
    """A value that a result shows: its text, case folded, its number where it is one, and the node it came from."""

    text: str
    number: Fraction | None
    node: Node


def answer_text(branch: Branch) -> str:
    """The answer in which a branch ends."""
    action = branch[-1].action
    assert isinstance(action, FinalAnswer)
    return action.text


def readable(branch: Branch) -> list[Node]:
    """The nodes of a branch whose results an answer may be read off, oldest first."""
    return [node for node in branch if _is_readable(node)]


def _is_readable(node: Node) -> bool:
    is_check = isinstance(node.action, Step) and not node.action.is_lookup
    return is_check and node.observation is not None and node.observation.outcome == "ok"


def holders(branch: Branch, question: str) -> list[tuple[Node, ...]]:
    """Every check that shows the whole answer by itself, newest first; else the checks that show it together."""
    text, nodes = answer_text(branch), readable(branch)
    alone: list[tuple[Node, ...]] = [(node,) for node in reversed(nodes) if shows(node, text, question)]
    if alone or len(nodes) < 2:
        return alone
    together = _covered(text, [value for node in reversed(nodes) for value in shown(node)], question)
    return [together] if together else []


def shows(node: Node, text: str, question: str) -> bool:
    """Whether the result of one check shows an answer."""
    found = list(shown(node))
    return _is_one_of(found, text) or bool(_covered(text, found, question))


def shown(node: Node) -> Iterator[Shown]:
    """The values of a node's result."""
    assert node.observation is not None
    for text in cells(node.observation):
        yield Shown(text.casefold().strip(), _as_number(text), node)


def cells(observation: Observation) -> list[str]:
    """What an observation says, value by value; of free text its lines, their pieces and numbers."""
    if observation.table is not None:
        whole = [written(cell) for row in observation.table.rows for cell in row if cell is not None]
        return whole[:MAX_CELLS]
    lines = observation.text.splitlines()
    pieces = [
        piece.strip() for line in lines for piece in (line, *_PIECES.split(line), *_NUMBER.findall(line))
    ]
    exact = [] if observation.value is None else [written(observation.value.cell)]
    return [piece for piece in (*exact, *dict.fromkeys(pieces)) if piece][:MAX_CELLS]


def written(cell: Cell) -> str:
    """A cell as a text."""
    return str(cell).lower() if isinstance(cell, bool) else str(cell)


def _is_one_of(found: Sequence[Shown], text: str) -> bool:
    """Whether an answer is one of some values, however it is written."""
    folded = text.casefold().strip(_SEPARATORS)
    computed = polynomial.value(text)
    forms = [text] if computed is None else [text, str(computed)]
    return any(
        folded in TRUTHS[value.text == "true"]
        if value.text in ("true", "false")
        else any(equal(value.text, form) for form in forms) or _rounds_to(value.number, folded)
        for value in found
    )


def _covered(text: str, found: Sequence[Shown], question: str) -> tuple[Node, ...]:
    """The nodes whose values cover an answer; empty where something in it was read nowhere."""
    left = text.casefold()
    used: dict[int, Node] = {}
    for value in sorted(found, key=lambda value: -len(value.text)):
        if value.number is None and value.text and value.text in left:
            bounded = re.sub(rf"(?<!\w){re.escape(value.text)}(?!\w)", TAKEN, left)
            used |= {value.node.id: value.node} if bounded != left else {}
            left = bounded
    numbers = [value for value in found if value.number is not None]
    for match in list(_NUMBER.finditer(left)):
        holder = next((one for one in numbers if _rounds_to(one.number, match[0])), None)
        if holder is None and not _is_named(match[0], question):
            return ()
        if holder is not None:
            used[holder.node.id] = holder.node
    if not used or not _is_explained(_NUMBER.sub(TAKEN, left), found, question):
        return ()
    return tuple(used[node_id] for node_id in sorted(used))


def _is_explained(left: str, found: Sequence[Shown], question: str) -> bool:
    """Whether each part of an answer holds a value, with no more loose words than values, or is the question's own.

    Where only one value came back, whatever is said around it is read off it.
    """
    if len({value.text for value in found}) == 1:
        return True
    folded = " ".join(question.casefold().split())
    for part in _PARTS.split(left):
        said = " ".join(part.replace(TAKEN, " ").strip(_SEPARATORS).split())
        is_own = bool(said) and said in folded
        if said and not is_own and len(_WORD.findall(said)) > part.count(TAKEN):
            return False
    return True


def _is_named(number: str, question: str) -> bool:
    return bool(values(number) & values(question))


def _as_number(text: str) -> Fraction | None:
    match = re.fullmatch(
        r"\s*([-+\u2212]?)[$€£¥]?\s?((?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:e[-+]?\d{1,3})?)\s?%?\s*",
        text,
        re.I,
    )
    if match is None or len(text) > 400:
        return None
    value = Fraction(match[2].replace(",", ""))
    return -value if match[1] in ("-", "\u2212") else value


def _rounds_to(exact: Fraction | None, text: str) -> bool:
    """Whether a written number is a value, or its rounding to the decimals that it has.

    A rounding must keep three digits, or be one of a number above 1 to at least one decimal.
    """
    number = _as_number(text)
    if exact is None or number is None:
        return False
    if number == exact:
        return True
    digits = re.sub(r"[^\d.]", "", text)
    n_decimals = len(digits.partition(".")[2])
    n_significant = len(digits.replace(".", "").lstrip("0"))
    is_close = abs(number - exact) * 2 * 10**n_decimals <= 1
    return is_close and (n_significant >= 3 or (n_decimals >= 1 and abs(exact) >= 1))
