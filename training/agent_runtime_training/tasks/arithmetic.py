"""Arithmetic: word problems from templates, and problems composed from random chains of relations.

Every number of a question comes in one of its written forms; the teacher computes with the calculator, step by
step. The oracle of a template is its own formula; that of a composed problem evaluates the whole relation graph.
"""

import random
import re
from collections.abc import Callable
from fractions import Fraction
from functools import partial

from agent_runtime_training.tasks import names
from agent_runtime_training.tasks.draft import Draft, Family
from agent_runtime_training.tasks.example import Split
from agent_runtime_training.tasks.rendering import render_number
from agent_runtime_training.tasks.teacher import Rejected, Teacher, TeacherError, evaluate
from agent_runtime_training.tasks.word_problems import HELDOUT, TRAIN, WordProblem
from agent_runtime_training.tasks.wording import Wordings, pick

_THINGS: dict[Split, str] = {
    "train": "apples pencils stickers marbles cups shells buttons cards plums books tiles candles bulbs pens",
    "heldout": "figs ribbons pebbles tulips spoons maps keys badges walnuts lanterns bricks scarves",
}


def draw_numbers(spec: str, rng: random.Random) -> dict[str, Fraction]:
    """The numbers of a template: `a=2:9`, `p=0.5:9:0.5`, `q=10|20`, `t=a*q`."""
    found: dict[str, Fraction] = {}
    for part in spec.split():
        name, _, how = part.partition("=")
        if "|" in how:
            found[name] = Fraction(rng.choice(how.split("|")))
        elif ":" in how:
            low, high, step = (*map(Fraction, how.split(":")), Fraction(1))[:3]
            found[name] = low + step * rng.randrange(int((high - low) / step) + 1)
        else:
            found[name] = evaluate(re.sub(r"[a-z]\b", lambda match: f"({found[match.group()]})", how))
    return found


def _template(problem: WordProblem, index: int, rng: random.Random, split: Split) -> Draft:
    """One problem from one template."""
    numbers = draw_numbers(problem.numbers, rng)
    words = _people_and_things(rng, split)
    solution = Fraction(str(problem.solve(**{name: _plain(value) for name, value in numbers.items()})))
    if solution < 0 or solution != Fraction(render_number(solution)):
        raise Rejected
    plain = {name: render_number(value) for name, value in numbers.items()}
    teacher = Teacher()
    steps = [step.split(": ", 1) for step in problem.steps.split("; ")]
    teacher.plan(*(thought.format(**plain, **words) for thought, _ in steps))
    results: list[str] = []
    for thought, expression in steps:
        filled = expression.format("", *results, **plain)
        if evaluate(filled) != Fraction(render_number(evaluate(filled))):
            raise Rejected
        results.append(teacher.calc(f"{thought.format(**plain, **words)}.", filled))
    teacher.answer(results[-1])
    spoken = {name: _spoken(value, rng) for name, value in numbers.items()}
    wording = Wordings((problem.text,), (problem.text,))
    name = f"word_problem/{split}/{index}"
    return Draft(teacher, spoken | words, render_number(solution), wordings=wording, template=name)


def _plain(value: Fraction) -> int | Fraction:
    return int(value) if value.denominator == 1 else value


def _spoken(value: Fraction, rng: random.Random) -> str:
    if value >= 1000 and value.denominator == 1:
        return rng.choice((str(value), f"{int(value):,}"))
    return render_number(value)


def _people_and_things(rng: random.Random, split: Split) -> dict[str, str]:
    who = names.given_name(rng)
    pal = next(name for name in iter(lambda: names.given_name(rng), "") if name != who)
    thing, stuff = rng.sample(_THINGS[split].split(), 2)
    return {"who": who, "pal": pal, "thing": thing, "stuff": stuff}


# --- composed problems

RELATIONS: dict[Split, tuple[tuple[str, str], ...]] = {
    "train": (
        ("{a} has {n} more {thing} than {b}.", "{1} + {n}"),
        ("{a} has {n} fewer {thing} than {b}.", "{1} - {n}"),
        ("{a} has {n} times as many {thing} as {b}.", "{1} * {n}"),
        ("{a} has half as many {thing} as {b}.", "{1} / 2"),
        ("{a} has as many {thing} as {b} and {c} together.", "{1} + {2}"),
        ("{a} has {n} more {thing} than {b} and {c} together.", "{1} + {2} + {n}"),
        ("{a} has the difference between what {b} and {c} have.", "{1} - {2}"),
        ("{b} has {n} {thing} fewer than {a}.", "{1} + {n}"),
    ),
    "heldout": (
        ("Add {n} to {b}'s {thing} and you get {a}'s.", "{1} + {n}"),
        ("Take {n} away from {b}'s {thing}: that is what {a} owns.", "{1} - {n}"),
        ("{a} owns {n}-fold what {b} owns.", "{1} * {n}"),
        ("Pool {b}'s and {c}'s {thing} and you get {a}'s.", "{1} + {2}"),
    ),
}
_STARTS = Wordings(
    ("{a} has {n} {thing}.", "{a} owns {n} {thing}."), ("At the outset {a} holds {n} {thing}.",)
)
_ASKS = Wordings(
    (
        "How many {thing} does {a} have?",
        "[What|Which] number of {thing} has {a}?",
    ),
    ("State {a}'s stock of {thing}.",),
)
_ASKS_ALL = Wordings(
    ("How many {thing} do they all have together?", "[What|Which] number of {thing} have they in all?"),
    ("State the stock of {thing} of everybody, pooled.",),
)


def _composed(rng: random.Random, split: Split) -> Draft:
    """People whose numbers follow from each other; the sentences in random order, some not needed."""
    people = rng.sample(sorted({names.given_name(rng) for _ in range(40)}), rng.randrange(3, 6))
    thing = rng.choice(_THINGS[split].split())
    values: dict[str, Fraction] = {people[0]: Fraction(rng.randrange(4, 60))}
    start = rng.choice(_STARTS.of(split)).format(a=people[0], n=values[people[0]], thing=thing)
    sentences, rules = [start], dict[str, tuple[str, list[str]]]()
    for person in people[1:]:
        known = list(values)
        text, rule = rng.choice(
            [relation for relation in RELATIONS[split] if "{c}" not in relation[0] or len(known) > 1]
        )
        used = rng.sample(known, 2) if "{c}" in text else [rng.choice(known)]
        number = rng.randrange(2, 6) if "*" in rule else rng.randrange(2, 30)
        filled = rule.replace("{n}", str(number))
        values[person] = evaluate(filled.format("", *(values[name] for name in used)))
        if values[person] <= 0 or values[person].denominator != 1:
            raise Rejected
        rules[person] = (filled, used)
        sentences.append(text.format(a=person, b=used[0], c=used[-1], n=number, thing=thing))
    rng.shuffle(sentences)
    is_sum = rng.random() < 0.3
    teacher, answer = _solve_composed(rules, people, values, is_sum)
    asks = _ASKS_ALL if is_sum else _ASKS
    wordings = Wordings(
        tuple("{story} " + ask for ask in asks.train), tuple("{story} " + ask for ask in asks.heldout)
    )
    oracle = sum(values.values()) if is_sum else values[people[-1]]
    if answer != render_number(oracle):
        raise TeacherError(f"composed: {answer} is not {oracle}")
    fields = {"story": " ".join(sentences), "a": people[-1], "thing": thing}
    return Draft(teacher, fields, render_number(oracle), wordings=wordings)


def _solve_composed(
    rules: dict[str, tuple[str, list[str]]], people: list[str], values: dict[str, Fraction], is_sum: bool
) -> tuple[Teacher, str]:
    """Compute what is needed, and only that, in the order in which it follows."""
    needed = set(people) if is_sum else {people[-1]}
    for person in reversed(people[1:]):
        if person in needed:
            needed |= set(rules[person][1])
    order = [person for person in people[1:] if person in needed]
    teacher = Teacher()
    teacher.plan(*(f"Number of {person}" for person in order), *(["Add them up"] if is_sum else []))
    known = {people[0]: render_number(values[people[0]])}
    for person in order:
        rule, used = rules[person]
        known[person] = teacher.calc(f"{person}.", rule.format("", *(known[name] for name in used)))
    if is_sum:
        answer = teacher.calc(
            pick(random.Random(0), "All of them."), " + ".join(known[person] for person in people)
        )
    else:
        answer = known[people[-1]]
    teacher.answer(answer)
    return teacher, answer


def _any_template(rng: random.Random, split: Split) -> Draft:
    problems = TRAIN if split == "train" else HELDOUT
    index = rng.randrange(len(problems))
    return _template(problems[index], index, rng, split)


def template_builder(split: Split, index: int) -> Callable[[random.Random, Split], Draft]:
    """The builder of one template, for a test that solves each."""
    return partial(_template, (TRAIN if split == "train" else HELDOUT)[index], index)


ARITHMETIC = Family(
    "arithmetic", {"word_problem": _any_template, "composed": _composed}, {}, {"word_problem": 3}
)
