"""The Game of 24 as a reasoning task: each move is a step, each step is checked by the calculator.

A `Model` that enumerates moves instead of sampling words, so that what is measured is the search: strategies,
backtracking, verdicts and the node count. Source of the task: Tree of Thoughts (Yao et al. 2023, arXiv:2305.10601).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from agent_runtime.kernel.loop import child_seed
from agent_runtime.models.scripted import completion
from agent_runtime.types import (
    Action,
    Backtrack,
    Check,
    Completion,
    FinalAnswer,
    Judgement,
    ModelCard,
    Node,
    Plan,
    Request,
    Step,
)

GOAL = Fraction(24)
MAX_MOVES = 64  # more than a position of four numbers has


@dataclass(frozen=True, slots=True)
class Move:
    """Replace two numbers by what an operator makes of them."""

    left: Fraction
    operator: str
    right: Fraction
    result: Fraction

    def __str__(self) -> str:
        return f"{_shown(self.left)} {self.operator} {_shown(self.right)} = {_shown(self.result)}"


def moves(numbers: Sequence[Fraction]) -> list[Move]:
    """All different moves from a position, most promising first."""
    found: dict[tuple[Fraction, ...], Move] = {}
    for one, other in combinations(range(len(numbers)), 2):
        for move in _combine(numbers[one], numbers[other]):
            found.setdefault(tuple(sorted(play(numbers, move))), move)
    return sorted(found.values(), key=lambda move: -promise(play(numbers, move)))


def play(numbers: Sequence[Fraction], move: Move) -> list[Fraction]:
    """The position after a move."""
    rest = list(numbers)
    rest.remove(move.left)
    rest.remove(move.right)
    return [*rest, move.result]


def promise(numbers: Sequence[Fraction]) -> float:
    """How near a position looks to 24 in [0, 1]: exact for one and two numbers, a rule of thumb before that.

    The rule of thumb: whole numbers are good, and divisors of 24 are better.
    """
    if len(numbers) == 1:
        return float(numbers[0] == GOAL)
    if len(numbers) == 2:
        return float(any(move.result == GOAL for move in _combine(*numbers)))
    return sum(_handy(number) for number in numbers) / len(numbers)


def _handy(number: Fraction) -> float:
    if number.denominator != 1 or number < 0:
        return 0.3
    return 0.9 if number and GOAL % number == 0 else 0.6


def _combine(one: Fraction, other: Fraction) -> list[Move]:
    found = [Move(one, "+", other, one + other), Move(one, "*", other, one * other)]
    for left, right in ((one, other), (other, one)):
        found.append(Move(left, "-", right, left - right))
        if right:
            found.append(Move(left, "/", right, left / right))
    return found


def _shown(number: Fraction) -> str:
    return str(number.numerator) if number.denominator == 1 else f"({number})"


@dataclass(frozen=True, slots=True)
class Position:
    """The numbers left, each with the expression that made it."""

    numbers: tuple[Fraction, ...]
    expressions: tuple[str, ...]

    def after(self, move: Move) -> "Position":
        """The position after a move."""
        rest = list(zip(self.numbers, self.expressions, strict=True))
        made = []
        for number in (move.left, move.right):
            index = next(index for index, (value, _) in enumerate(rest) if value == number)
            made.append(rest.pop(index)[1])
        rest.append((move.result, f"({made[0]} {move.operator} {made[1]})"))
        return Position(tuple(value for value, _ in rest), tuple(text for _, text in rest))


class MoveEnumerator:
    """A `Model` of the game: the n-th child of a node plays its n-th best move, and gives up after the last.

    `is_blind` plays the moves in the order in which they are found instead, and sees no position as lost.
    """

    def __init__(self, *, is_blind: bool = False) -> None:
        self._is_blind = is_blind

    async def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """The next move of each request."""
        return [completion(self._act(request)) for request in requests]

    async def judge(self, requests: Sequence[Request]) -> list[Judgement]:
        """The promise of each position; a blind player knows none."""
        if self._is_blind:
            return [Judgement()] * len(requests)
        return [Judgement(promise(position(request).numbers)) for request in requests]

    async def card(self) -> ModelCard:
        """What this is."""
        return ModelCard("game24-moves", "none", context_tokens=1_000_000)

    async def aclose(self) -> None:
        """Nothing is held."""

    def _act(self, request: Request) -> Action:
        if not request.path:
            return Plan(
                ("Combine two numbers at a time", "Check each result", "Back up when 24 is out of reach")
            )
        place = position(request)
        if len(place.numbers) == 1:
            is_won = place.numbers[0] == GOAL
            return FinalAnswer(place.expressions[0][1:-1]) if is_won else Backtrack("24 was not reached")
        options = moves(place.numbers) if not self._is_blind else list(_all_moves(place.numbers))
        index = _child_index(request.path[-1], request.seed)
        is_lost = not self._is_blind and promise(place.numbers) == 0
        if is_lost or index >= len(options):
            return Backtrack("no move is left")
        move = options[index]
        return Step(str(move), Check("calc", f"{_shown(move.left)} {move.operator} {_shown(move.right)}"))


def position(request: Request) -> Position:
    """The position that a request's path has led to."""
    asked = re.search(r"numbers ((?:\d+,? ?)+)", request.prompt.question)
    digits = re.findall(r"\d+", asked.group(1) if asked else "")
    place = Position(tuple(Fraction(digit) for digit in digits), tuple(digits))
    for node in request.path:
        if isinstance(node.action, Step):
            place = place.after(_move(node.action))
    return place


def _move(step: Step) -> Move:
    left, operator, right = re.fullmatch(r"(\S+) (\S) (\S+) = .*", step.thought).groups()  # type: ignore[union-attr]
    first, second = Fraction(left.strip("()")), Fraction(right.strip("()"))
    return next(move for move in _combine(first, second) if (move.left, move.operator) == (first, operator))


def _all_moves(numbers: Sequence[Fraction]) -> list[Move]:
    return [move for one, other in combinations(numbers, 2) for move in _combine(one, other)]


def _child_index(parent: Node, seed: int) -> int:
    return next(index for index in range(MAX_MOVES + 1) if child_seed(parent.seed, index) == seed)
