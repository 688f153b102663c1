"""Inputs near those that the program was seen to take: what tells fixes apart that pass the same tests.

Deterministic: the same calls give the same inputs. Values are read as literals only.
"""

import ast
import random
from collections.abc import Iterator, Sequence

from agent_runtime.jobs.debugging.experiments import Call

MAX_INPUTS = 48
N_ROUNDS = 24  # many draws repeat what is there already


def mutated(calls: Sequence[Call], seed: int = 0) -> list[Call]:
    """The calls as they were, then new ones: each with one or more arguments changed a little."""
    drawn = random.Random(seed)  # noqa: S311  # no secret
    found = dict.fromkeys(calls)
    for _ in range(N_ROUNDS):
        for file, function, text in calls:
            arguments = list(ast.literal_eval(text))
            for index in _chosen(arguments, drawn):
                arguments[index] = _near(arguments[index], drawn)
            found.setdefault((file, function, repr(arguments)))
        if len(found) > MAX_INPUTS:
            break
    return list(found)[:MAX_INPUTS]


def _chosen(arguments: Sequence[object], drawn: random.Random) -> list[int]:
    if not arguments:
        return []
    return sorted(drawn.sample(range(len(arguments)), drawn.randint(1, len(arguments))))


def _near(value: object, drawn: random.Random) -> object:
    """A value of the same type, not far away."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return drawn.choice([value + 1, value - 1, 0, 1, value * 2, -value, drawn.randint(-10, 20)])
    if isinstance(value, float):
        return drawn.choice([value + 0.5, -value, 0.0, value * 2, round(value), value / 3])
    if isinstance(value, str):
        return drawn.choice(list(_texts(value, drawn)))
    if isinstance(value, list | tuple):
        changed: object = drawn.choice(list(_sequences(list(value), drawn)))
        return tuple(changed) if isinstance(value, tuple) and isinstance(changed, list) else changed
    if isinstance(value, dict) and value:
        kept = dict(value)
        kept.pop(drawn.choice(list(kept)))
        return kept
    return value


def _texts(value: str, drawn: random.Random) -> Iterator[str]:
    at = drawn.randint(0, len(value))
    yield from ("", value[:at], value[at:], value + value[:at], value[::-1], value.swapcase())
    letters = list(value)
    drawn.shuffle(letters)
    yield "".join(letters)
    if value:
        yield value[:at] + drawn.choice(value) + value[at:]


def _sequences(value: list[object], drawn: random.Random) -> Iterator[list[object]]:
    at = drawn.randint(0, len(value))
    yield from ([], value[:at], value[at:], value[::-1])
    shuffled = list(value)
    drawn.shuffle(shuffled)
    yield shuffled
    if value:
        index = drawn.randrange(len(value))
        near = _near(value[index], drawn)
        yield [*value[:index], near, *value[index + 1 :]]
        yield [*value, near]
        yield [*value[:at], value[index], *value[at:]]
        yield [_near(item, drawn) for item in value]
