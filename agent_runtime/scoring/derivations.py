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

from agent_runtime.scoring.reading import Branch, cells, holders, readable
from agent_runtime.types import Check, Node, Step

MIN_DIFFERENCE = 2  # marks; a single changed place in a query changes one at the most
MIN_CHARACTERS = 2  # a shorter value stands in an input by chance


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a value was come to: the checks, and the marks of their structure."""

    checks: frozenset[Check]
    marks: tuple[str, ...]
    tools: tuple[str, ...]


def derivations(branch: Branch, question: str) -> list[Derivation]:
    """The derivations of a branch's answer, newest first."""
    nodes = readable(branch)
    return [_derivation(holding, nodes, question) for holding in holders(branch, question)]


def independent_pair(found: Sequence[Derivation]) -> tuple[Derivation, Derivation] | None:
    """The first two derivations that are independent of each other."""
    for index, one in enumerate(found):
        for other in found[:index]:
            if are_independent(one, other):
                return other, one
    return None


def are_independent(one: Derivation, other: Derivation) -> bool:
    """Whether two derivations share no check and differ in structure."""
    if one.checks & other.checks:
        return False
    first, second = Counter(one.marks), Counter(other.marks)
    return ((first - second) + (second - first)).total() >= MIN_DIFFERENCE


def _derivation(holding: Sequence[Node], nodes: Sequence[Node], question: str) -> Derivation:
    """The checks that show an answer, and those that their inputs rest on."""
    taken = {node.id: node for node in holding}
    asked = question.casefold()
    for node in sorted(nodes, key=lambda node: -node.id):
        later = [one for one in taken.values() if one.id > node.id]
        if any(_uses(one, node, asked) for one in later):
            taken[node.id] = node
    found = [taken[node_id] for node_id in sorted(taken)]
    return Derivation(
        frozenset(check for node in found if (check := _check(node))),
        tuple(sorted(mark for node in found for mark in _marks(node))),
        tuple(dict.fromkeys(check.tool for node in found if (check := _check(node)))),
    )


def _uses(later: Node, earlier: Node, asked: str) -> bool:
    """Whether a check's input holds a value that an earlier check brought and the question does not give."""
    check = _check(later)
    if check is None or earlier.observation is None:
        return False
    written = check.input.casefold()
    brought = {cell.casefold() for cell in cells(earlier.observation) if len(cell) >= MIN_CHARACTERS}
    return any(cell in written and cell not in asked for cell in brought)


def _check(node: Node) -> Check | None:
    return node.action.check if isinstance(node.action, Step) else None


def _marks(node: Node) -> list[str]:
    assert node.observation is not None
    return [f"{node.observation.tool}:{mark}" for mark in node.observation.shape or ("",)]
