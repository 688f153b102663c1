"""From the branches that answered to one answer: group equal ones, weigh them by their grounds, say how sure.

Self-consistency (Wang et al. 2022, arXiv:2203.11171) over results instead of texts (minimum Bayes risk over what
executing brought, arXiv:2503.24364), weighted by what the verifiers found, and by process rewards where a judge spoke
(Li et al. 2023, arXiv:2206.02336; Wang et al. 2024, Math-Shepherd, arXiv:2312.08935). A solution's reward is the
product of its steps' (Lightman et al. 2023, arXiv:2305.20050), here as their geometric mean, so that a branch is not
worth less for being longer. However many votes an answer has: it is supported only where it is read off a check's
result, and confirmed only where two independent derivations came to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from agent_runtime.scoring.calibration import Calibration
from agent_runtime.scoring.derivations import Derivation, derivations, independent_pair
from agent_runtime.scoring.equivalence import equal
from agent_runtime.scoring.reading import Branch, answer_text, holders, shows
from agent_runtime.scoring.same_rows import same_rows
from agent_runtime.types import Candidate, Evidence, Node, Objection, ResultTable, Value, VerdictKind

# Imagined votes for "something else": a single chain is never certain. Where nobody judged whether the check answers
# the question, and no second derivation came to the same, one chain alone is little more than even: no reason to stop.
# A planner has judged: it proposes only where it has read every word of the question.
PRIOR = 0.25
PRIOR_UNJUDGED = 0.9
FAILED = 0.1  # the vote of a branch that ended without an answer
UNSUPPORTED = 0.4  # weight of a vote that no result supports, against 1 for one that is
OBJECTED = 0.5  # factor for each objection, up to three
REFUTED_STEP = 0.8  # factor for each step on the way whose check failed
SOUND_REWARD = 0.5  # a branch that its judges find no better than this settles nothing
LEAST_SCORE = 0.01  # no single step that a judge finds bad takes a branch's vote away


@dataclass(frozen=True, slots=True)
class Read:
    """A branch that answered, with what was found out about it, once."""

    branch: Branch
    evidence: tuple[Node, ...]
    derivations: tuple[Derivation, ...]
    objections: tuple[Objection, ...]

    @property
    def is_sound(self) -> bool:
        """Read off a result, no objection, and no judge finds it more wrong than right."""
        return bool(self.evidence) and not self.objections and reward(self.branch) > SOUND_REWARD


def rank(
    answered: Sequence[Read], n_failed: int = 0, calibration: Calibration | None = None
) -> list[Candidate]:
    """Candidates from the branches that answered, best first; `n_failed` branches ended without an answer."""
    groups: list[list[Read]] = []
    for one in answered:
        group = next((group for group in groups if _agree(group[0], one)), None)
        if group is None:
            groups.append([one])
        else:
            group.append(one)
    total = sum(weight(one) for group in groups for one in group) + FAILED * n_failed
    pairs = [_confirming(group) for group in groups]
    is_contested = sum(pair is not None for pair in pairs) > 1
    candidates = [
        _candidate(group, total, None if is_contested else pair, calibration)
        for group, pair in zip(groups, pairs, strict=True)
    ]
    return sorted(candidates, key=lambda candidate: (-candidate.vote_share, candidate.node_id))


def read(branch: Branch, question: str) -> Read:
    """What holds a branch's answer up, and what is held against it."""
    found = holders(branch, question)
    evidence = found[0] if found else ()
    nodes = (*evidence, branch[-1])
    objections = dict.fromkeys(one for node in nodes for one in node.verdict.objections)
    return Read(branch, evidence, derivations(branch, found, question), tuple(objections))


def weight(one: Read) -> float:
    """What a branch's vote counts in (0, 1]: by support, objections, how its checks went, what a judge says."""
    n_refuted = sum(node.verdict.kind == "refuted" for node in one.branch)
    held = 1.0 if one.evidence else UNSUPPORTED
    return held * OBJECTED ** min(3, len(one.objections)) * REFUTED_STEP**n_refuted * reward(one.branch)


def reward(branch: Branch) -> float:
    """The geometric mean of a branch's process rewards in (0, 1]; 1 where no judge spoke."""
    scores = _scores(branch)
    return geometric_mean(scores) if scores else 1.0


def _scores(branch: Branch) -> list[float]:
    return [max(node.verdict.score, LEAST_SCORE) for node in branch if node.verdict.score is not None]


def _is_judged(branch: Branch) -> bool:
    """Whether somebody has said that what was checked is what was asked for: a judge, or the planner that wrote it."""
    return bool(_scores(branch)) or branch[-1].origin == "planner"


def mean_logprob(branch: Branch) -> float | None:
    """Mean log-probability of the tokens that the model chose on a branch, in nats; None where it reports none.

    A log-probability of 0 is a token that the grammar forced.
    """
    chosen = [logprob for node in branch for logprob in node.logprobs if logprob < 0]
    return sum(chosen) / len(chosen) if chosen else None


def _agree(one: Read, other: Read) -> bool:
    """Whether two branches came to the same: in words, or by the whole of what they read."""
    if equal(answer_text(one.branch), answer_text(other.branch)):
        return True
    left, right = _value(one), _value(other)
    if not isinstance(left, ResultTable) or not isinstance(right, ResultTable) or not same_rows(left, right):
        return False
    return all(shows(node, answer_text(first.branch), "") for first, node in _crossed(one, other))


def _crossed(one: Read, other: Read) -> list[tuple[Read, Node]]:
    """Each branch with the check that the other was read off: neither may say what the other's rows do not hold."""
    return [(one, other.evidence[0]), (other, one.evidence[0])]


def _confirming(group: Sequence[Read]) -> tuple[Derivation, Derivation] | None:
    """Two independent derivations among the sound branches of a group."""
    return independent_pair([found for one in group if one.is_sound for found in one.derivations])


def _candidate(
    group: Sequence[Read],
    total: float,
    pair: tuple[Derivation, Derivation] | None,
    calibration: Calibration | None,
) -> Candidate:
    best = max(group, key=lambda one: (one.is_sound, weight(one), -one.branch[-1].id))
    weights = sum(weight(one) for one in group) * (2 if pair else 1)
    prior = PRIOR if pair or _is_judged(best.branch) else PRIOR_UNJUDGED
    share = weights / (prior + max(total, weights)) * reward(best.branch)
    known = [value for one in group if (value := mean_logprob(one.branch)) is not None]
    sure = sum(known) / len(known) if known else None
    verdict = _verdict(best, pair)
    return Candidate(
        answer_text(best.branch),
        best.branch[-1].id,
        _confidence(share, sure, verdict, calibration),
        share,
        sure,
        verdict,
        tuple(_evidence(node) for node in best.evidence),
        len(group),
        sum(one.is_sound for one in group),
        _grounds(best, pair),
        best.objections,
        _value(best),
    )


def _confidence(
    share: float, mean_logprob: float | None, verdict: VerdictKind, calibration: Calibration | None
) -> float:
    if calibration is None:
        return share
    return calibration.probability(share, is_confirmed=verdict == "confirmed", mean_logprob=mean_logprob)


def _verdict(best: Read, pair: object) -> VerdictKind:
    """What is known of an answer, by the best branch that gave it."""
    if any(one.is_refuting for one in best.objections):
        return "refuted"
    if not best.evidence or best.objections:
        return "unchecked"
    return "confirmed" if pair is not None else "supported"


def _grounds(best: Read, pair: tuple[Derivation, Derivation] | None) -> tuple[str, ...]:
    """On what an answer stands, in words."""
    if pair is not None:
        return tuple(f"derived by {' and '.join(one.tools)}: {_inputs(one)}" for one in pair)
    return tuple(f"read off the result of {_asked(node)}" for node in best.evidence)


def _inputs(derivation: Derivation) -> str:
    return "; ".join(sorted(" ".join(check.input.split()) for check in derivation.checks))


def _asked(node: Node) -> str:
    assert node.check is not None
    return f"{node.check.tool}: {' '.join(node.check.input.split())}"


def _value(best: Read) -> Value | ResultTable | None:
    """The exact value behind an answer that one check shows."""
    if len(best.evidence) != 1 or best.evidence[0].observation is None:
        return None
    observation = best.evidence[0].observation
    return observation.value if observation.value is not None else observation.table


def _evidence(node: Node) -> Evidence:
    assert node.check is not None
    assert node.observation is not None
    said = node.observation.brief
    return Evidence(node.id, node.check.tool, node.check.input, said, node.verdict.kind, node.origin)
