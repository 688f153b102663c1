"""Which of several fixes that pass: behaviour on inputs that no test has, examples in words, plainness.

Passing the visible tests is weak evidence (Smith et al. 2015, "Is the cure worse than the disease?", FSE). Fixes are
grouped by what they do on mutated inputs; the group with most weight behind it wins (as in CodeT, Chen et al.
2022, arXiv:2207.10397, with edits in the place of samples), and in it the likeliest edit.
"""

import ast
import doctest
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.jobs.debugging.experiments import Call, Laboratory, Trial, variant
from agent_runtime.jobs.debugging.inputs import mutated
from agent_runtime.jobs.debugging.types import Candidate

MAX_COMPARED = 48
SILENCED = 0.05  # factor where a function that the failing run reached is not reached any more
WRONG_EXAMPLE = 0.05  # factor for each example in the words that comes out wrong
NEW_CRASH = 0.5  # factor where most inputs crash that did not before


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passing candidate with its weight, and how many of the compared ones behave as it does.

    `share` in [0, 1] is the part of all weight that stands behind this behaviour: how sure the choice is.
    """

    candidate: Candidate
    weight: float
    n_agreeing: int
    share: float = 1.0


async def compare(
    laboratory: Laboratory,
    sources: Mapping[str, str],
    passing: Sequence[Candidate],
    likelihood: Mapping[Candidate, float],
    words: str = "",
) -> list[Ranked]:
    """The passing candidates, best first. `likelihood` replaces a prior; `words` say what the program should do.

    Raises:
        SandboxError: The sandbox failed.
    """
    passing = passing[:MAX_COMPARED]
    if not passing:
        return []
    (before,) = await laboratory.run("compare", [{}])
    (one,) = await laboratory.run("compare", [variant(passing[0], sources)])
    calls = list(dict.fromkeys([*before.calls, *one.calls]))
    wanted = examples(words, sources)
    given = [*wanted, *mutated([*calls, *wanted])]
    (as_is,) = await laboratory.run("compare", [{}], given)
    trials = await laboratory.run("compare", [variant(one, sources) for one in passing], given)
    weights = [
        likelihood.get(candidate, candidate.prior)
        * _plausibility(trial, as_is, before, list(wanted.values()))
        for candidate, trial in zip(passing, trials, strict=True)
    ]
    return _ranked(passing, weights, trials)


def examples(words: str, sources: Mapping[str, str]) -> dict[Call, str]:
    """Calls with their results, as `>>>` examples in words and docstrings give them; literals only."""
    defined = {
        node.name: file
        for file, text in sources.items()
        for node in ast.walk(_parsed(text))
        if isinstance(node, ast.FunctionDef)
    }
    found: dict[Call, str] = {}
    for text in (words, *sources.values()):
        for example in _examples(text):
            try:
                call = ast.parse(example.source.strip(), mode="eval").body
                assert isinstance(call, ast.Call)
                assert isinstance(call.func, ast.Name)
                arguments = [ast.literal_eval(argument) for argument in call.args]
                if call.func.id in defined and not call.keywords:
                    place = (defined[call.func.id], call.func.id, repr(arguments))
                    found[place] = repr(ast.literal_eval(example.want.strip()))
            except (SyntaxError, ValueError, AssertionError):
                continue
    return found


def _examples(text: str) -> list[doctest.Example]:
    try:
        return doctest.DocTestParser().get_examples(text[:100_000])
    except ValueError:
        return []


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _plausibility(trial: Trial, as_is: Trial, before: Trial, wanted: Sequence[str]) -> float:
    """How little a candidate looks as if it only silenced the failure, in (0, 1]."""
    value = 1.0 if trial.functions >= before.functions else SILENCED
    n_wrong = sum(
        not output.startswith(f"({want}, ") for output, want in zip(trial.outputs, wanted, strict=False)
    )
    value *= WRONG_EXAMPLE**n_wrong
    pairs = list(zip(trial.outputs, as_is.outputs, strict=False))
    n_crashes = sum(new.startswith("!") and not old.startswith("!") for new, old in pairs)
    if n_crashes * 2 > max(1, len(pairs)):
        value *= NEW_CRASH
    return value


def _ranked(passing: Sequence[Candidate], weights: Sequence[float], trials: Sequence[Trial]) -> list[Ranked]:
    """Best group first; a place and an operator count once in a group, however often it has them."""
    groups: defaultdict[tuple[str, ...], dict[tuple[str, int, str], float]] = defaultdict(dict)
    n_agreeing: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for candidate, weight, trial in zip(passing, weights, trials, strict=True):
        kind = (candidate.file, candidate.first, candidate.operator)
        group = groups[trial.outputs]
        group[kind] = max(group.get(kind, 0.0), weight)
        n_agreeing[trial.outputs] += 1
    found = [
        (sum(groups[trial.outputs].values()), weight, candidate, n_agreeing[trial.outputs])
        for candidate, weight, trial in zip(passing, weights, trials, strict=True)
    ]
    found.sort(key=lambda one: (-one[0], -one[1], len(one[2].text)))
    total = sum(sum(group.values()) for group in groups.values()) or 1.0
    return [Ranked(candidate, weight, n, of_group / total) for of_group, weight, candidate, n in found]
