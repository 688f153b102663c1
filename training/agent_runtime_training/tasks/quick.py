"""Plain quick questions that need no tool: a plan of one item, at most one thought, the answer.

They teach when not to reach for a tool. Facts are few and certain; small sums stay within what is known by heart.
"""

import random
from collections.abc import Mapping

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Builder, Draft, Family
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.teacher import Teacher
from agent_runtime_training.tasks.wording import pick, read_wordings

_CAPITALS = {
    "France": "Paris",
    "Spain": "Madrid",
    "Italy": "Rome",
    "Portugal": "Lisbon",
    "Norway": "Oslo",
    "Sweden": "Stockholm",
    "Finland": "Helsinki",
    "Poland": "Warsaw",
    "Austria": "Vienna",
    "Greece": "Athens",
    "Japan": "Tokyo",
    "China": "Beijing",
    "Egypt": "Cairo",
    "Kenya": "Nairobi",
    "Peru": "Lima",
    "Cuba": "Havana",
    "Canada": "Ottawa",
    "Ireland": "Dublin",
    "Hungary": "Budapest",
    "Denmark": "Copenhagen",
}
_PAIRS = (
    "hot-cold big-small fast-slow early-late open-closed full-empty light-dark high-low new-old hard-soft "
    "wet-dry rich-poor left-right true-false long-short thick-thin inside-outside before-after"
)
_OPPOSITES = dict(pair.split("-") for pair in _PAIRS.split())
_UNITS = {
    "minutes in an hour": "60",
    "seconds in a minute": "60",
    "hours in a day": "24",
    "days in a week": "7",
    "months in a year": "12",
    "centimetres in a metre": "100",
    "metres in a kilometre": "1000",
    "grams in a kilogram": "1000",
    "legs on a spider": "8",
    "sides on a hexagon": "6",
    "sides on a triangle": "3",
    "letters in the English alphabet": "26",
    "days in a leap year": "366",
    "items in a dozen": "12",
    "degrees in a right angle": "90",
}
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _say(rng: random.Random, answer: str, thought: str = "") -> Teacher:
    teacher = Teacher()
    teacher.plan(pick(rng, "Answer from what is known", "Answer at once"))
    if thought:
        teacher.step(thought)
    teacher.answer(answer)
    return teacher


def _fact(facts: Mapping[str, str]) -> Builder:
    """A builder that asks for one of some facts."""

    def build(rng: random.Random, split: Split) -> Draft:
        asked = rng.choice(sorted(facts))
        return Draft(_say(rng, facts[asked]), {"asked": asked}, facts[asked])

    return build


def _small_sum(rng: random.Random, split: Split) -> Draft:
    a, b = rng.randrange(1, 10), rng.randrange(1, 10)
    sign, value = rng.choice((("+", a + b), ("*", a * b)))
    return Draft(_say(rng, str(value)), {"a": str(a), "sign": sign, "b": str(b)}, str(value))


def _larger(rng: random.Random, split: Split) -> Draft:
    a, b = rng.sample(range(1, 1000), 2)
    oracle = str(max(a, b))
    return Draft(_say(rng, oracle), {"a": str(a), "b": str(b)}, oracle)


def _next_day(rng: random.Random, split: Split) -> Draft:
    at = rng.randrange(7)
    answer = _WEEK[(at + 1) % 7]
    return Draft(_say(rng, answer, f"After {_WEEK[at]} comes {answer}."), {"day": _WEEK[at]}, answer)


def _repeat(rng: random.Random, split: Split) -> Draft:
    words = [names.given_name(rng) for _ in range(rng.randrange(2, 5))]
    which, answer = rng.choice((("first", words[0]), ("last", words[-1])))
    return Draft(_say(rng, answer), {"words": ", ".join(words), "which": which}, answer)


_BUILDERS: dict[str, Builder] = {
    "capital": _fact(_CAPITALS),
    "opposite": _fact(_OPPOSITES),
    "unit": _fact(_UNITS),
    "small_sum": _small_sum,
    "larger": _larger,
    "next_day": _next_day,
    "item": _repeat,
}

QUICK = Family("quick", _BUILDERS, read_wordings("quick"))
