"""Two derivations of one value count for more than one: when they are independent.

What is compared is what was derived, not how often it was sampled. A derivation is a check that shows the answer with
all that it rests on: the earlier results whose values it uses. Two are independent when no check is in both, and the
marks of their structure (`Observation.shape`) differ by at least two: the same query with other aliases, or with one
literal, column or operator changed, is the same derivation; another form of query, or code over the same rows, is
another.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime.scoring.named_values import numbers, values
from agent_runtime.scoring.reading import Branch, answer_text, cells, readable
from agent_runtime.types import CONSTANT, UNREAD, Check, Node

MIN_DIFFERENCE = 2  # marks; a single changed place in a query changes one at the most
MIN_CHARACTERS = 2  # a shorter value stands in an input by chance
MIN_STATED = 10


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a value was come to: the checks with their tools, the marks of their structure, and whose is not known."""

    checks: frozenset[Check]
    marks: tuple[str, ...]
    tools: tuple[str, ...]
    unread: frozenset[str] = frozenset()  # tools


def derivations(branch: Branch, holding: Sequence[tuple[Node, ...]], question: str) -> tuple[Derivation, ...]:
    """The derivations of a branch's answer, by each of the checks that hold it; what only states it derives nothing."""
    nodes, text = readable(branch), answer_text(branch)
    return tuple(
        _derivation(one, nodes, question)
        for one in holding
        if not any(_states(node, text, question) for node in one)
    )


def independent_pair(found: Sequence[Derivation]) -> tuple[Derivation, Derivation] | None:
    """The first two derivations that are independent of each other."""
    for index, one in enumerate(found):
        for other in found[:index]:
            if are_independent(one, other):
                return other, one
    return None


def are_independent(one: Derivation, other: Derivation) -> bool:
    """Whether two derivations share no check, and are known to differ in structure."""
    if one.checks & other.checks or (one.unread | other.unread) & set(one.tools) & set(other.tools):
        return False
    first, second = Counter(one.marks), Counter(other.marks)
    return ((first - second) + (second - first)).total() >= MIN_DIFFERENCE


def _states(node: Node, text: str, question: str) -> bool:
    """Whether a check derives nothing, or has in its own input the number that it is to derive.

    The number may have been told by an earlier branch. A single digit stands in an input by chance.
    """
    if node.check is None or node.observation is None or node.observation.shape == CONSTANT:
        return True
    told = values(text) & values(node.check.input) - values(question)
    return any(value >= MIN_STATED for value in told) and len(numbers(text)) == 1


def _derivation(holding: Sequence[Node], nodes: Sequence[Node], question: str) -> Derivation:
    """The checks that show an answer, and those that their inputs rest on."""
    taken = {node.id: node for node in holding}
    asked = question.casefold()
    for node in sorted(nodes, key=lambda node: -node.id):
        later = [one for one in taken.values() if one.id > node.id]
        if any(_uses(one, node, asked) for one in later):
            taken[node.id] = node
    found = [taken[node_id] for node_id in sorted(taken)]
    checks = [check for node in found if (check := node.check)]
    return Derivation(
        frozenset(checks),
        tuple(sorted(mark for node in found for mark in _marks(node))),
        tuple(dict.fromkeys(check.tool for check in checks)),
        frozenset(seen.tool for node in found if (seen := node.observation) and seen.shape in ((), UNREAD)),
    )


def _uses(later: Node, earlier: Node, asked: str) -> bool:
    """Whether a check's input holds a value that an earlier check brought and the question does not give."""
    if later.check is None or earlier.observation is None:
        return False
    written = later.check.input.casefold()
    brought = {cell.casefold() for cell in cells(earlier.observation) if len(cell) >= MIN_CHARACTERS}
    return any(cell in written and cell not in asked for cell in brought)


def _marks(node: Node) -> list[str]:
    assert node.observation is not None
    return [f"{node.observation.tool}:{mark}" for mark in node.observation.shape or UNREAD]
