"""Which of several fixes that pass: behaviour on inputs that no test has, examples in words, plainness.

Passing the visible tests is weak evidence (Smith et al. 2015, "Is the cure worse than the disease?", FSE). Fixes are
grouped by what they do on mutated inputs; the group with most weight behind it wins (as in CodeT, Chen et al.
2022, arXiv:2207.10397, with edits in the place of samples), and in it the likeliest edit. How a single fix looks by
itself is in `plausibility`; where nothing could be compared, nobody can be sure, and the confidence says so.

The right edit may not be among those enumerated. It counts as one more hypothesis, as likely as the average of those
that do not pass, with a behaviour of its own (`unseen`): a lone edit that passes is believed if it is likelier.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent_runtime.jobs.debugging.examples import examples
from agent_runtime.jobs.debugging.experiments import CallResult, ExperimentRunner, Trial, variant
from agent_runtime.jobs.debugging.inputs import mutated
from agent_runtime.jobs.debugging.plausibility import Known, Look, look, n_unread
from agent_runtime.jobs.debugging.types import Candidate

MAX_COMPARED = 48
UNREAD = (
    0.5  # factor for each name that the edited file's functions hold and never read: something is left over
)
UNTRIED = "not tried on mutated inputs"
UNKNOWN = 0.5  # the most that is believed where a check could not be made: a coin toss


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passing candidate with its weight, and how many of the compared ones behave as it does.

    `share` in [0, 1] is the part of all weight that stands behind this behaviour, `plausibility` in (0, 1] how little
    it looks as if it only silenced the failure, `most` what the checks made allow at best.
    """

    candidate: Candidate
    weight: float
    n_agreeing: int = 1
    share: float = 1.0
    plausibility: float = 1.0
    doubts: tuple[str, ...] = ()
    n_inputs: int = 0
    most: float = 1.0

    @property
    def confidence(self) -> float:
        """How sure it is that this is the fix, in [0, 1]."""
        return min(self.share * self.plausibility, self.most)

    def unchecked(self, doubt: str) -> "Ranked":
        """The same where one of the checks could not be made."""
        return replace(self, doubts=(*self.doubts, doubt), most=UNKNOWN)


async def compare(
    experiments: ExperimentRunner,
    sources: Mapping[str, str],
    passing: Sequence[Candidate],
    likelihood: Mapping[Candidate, float],
    words: str = "",
    unseen: float = 0.0,
) -> list[Ranked]:
    """The passing candidates, best first. `likelihood` replaces a prior; `words` say what the program should do.

    `unseen` is the weight of an edit that was not enumerated.

    Raises:
        SandboxError: The sandbox failed.
    """
    passing = passing[:MAX_COMPARED]
    if not passing:
        return []
    (before,) = await experiments.run("compare", [{}])
    (one,) = await experiments.run("compare", [variant(passing[0], sources)])
    seen = list(dict.fromkeys([*before.calls, *one.calls]))
    wanted = examples(words, sources)
    given = [*wanted, *mutated([*seen, *wanted])]
    (as_is,) = await experiments.run("compare", [{}], given)
    trials = await experiments.run("compare", [variant(one, sources) for one in passing], given)
    known = Known(before, as_is, tuple(given), wanted, frozenset((*seen, *wanted)))
    looks = [look(trial, known) for trial in trials]
    weights = [
        likelihood.get(candidate, candidate.prior)
        * seems.plausibility
        * UNREAD ** n_unread(candidate.applied(sources[candidate.file]))
        for candidate, seems in zip(passing, looks, strict=True)
    ]
    return _ranked(passing, weights, trials, looks, known.n_compared(trials), unseen)


def not_compared(
    passing: Sequence[Candidate], likelihood: Mapping[Candidate, float], unseen: float = 0.0
) -> list[Ranked]:
    """The passing candidates, likeliest first, where no experiment can be run: each may behave in its own way."""
    weights = {one: likelihood.get(one, one.prior) for one in passing}
    total = sum(weights.values()) + unseen or 1.0
    found = [Ranked(one, weight, share=weight / total).unchecked(UNTRIED) for one, weight in weights.items()]
    return sorted(found, key=lambda one: -one.weight)


def _ranked(
    passing: Sequence[Candidate],
    weights: Sequence[float],
    trials: Sequence[Trial],
    looks: Sequence[Look],
    n_inputs: int,
    unseen: float,
) -> list[Ranked]:
    """Best group first; a place and an operator count once in a group, however often it has them."""
    behaviours = [
        trial.outputs if n_inputs else (CallResult(one.text),)
        for one, trial in zip(passing, trials, strict=True)
    ]
    groups: defaultdict[tuple[CallResult, ...], dict[tuple[str, int, str], float]] = defaultdict(dict)
    n_agreeing: defaultdict[tuple[CallResult, ...], int] = defaultdict(int)
    for candidate, weight, behaviour in zip(passing, weights, behaviours, strict=True):
        kind = (candidate.file, candidate.first, candidate.operator)
        group = groups[behaviour]
        group[kind] = max(group.get(kind, 0.0), weight)
        n_agreeing[behaviour] += 1
    sums = {behaviour: sum(group.values()) for behaviour, group in groups.items()}
    total = sum(sums.values()) + unseen or 1.0
    found = [
        Ranked(
            candidate=one,
            weight=weight,
            n_agreeing=n_agreeing[behaviour],
            share=sums[behaviour] / total,
            plausibility=seems.plausibility,
            doubts=seems.doubts,
            n_inputs=n_inputs,
        )
        for one, weight, behaviour, seems in zip(passing, weights, behaviours, looks, strict=True)
    ]
    found.sort(key=lambda one: (-one.share, -one.weight, len(one.candidate.text)))
    return found if n_inputs else [one.unchecked(UNTRIED) for one in found]
