"""From the branches that answered to one answer: group equal ones, weigh them by their evidence, say how sure.

Self-consistency (Wang et al. 2022, arXiv:2203.11171) weighted by verified steps, and by process rewards where a judge
spoke: votes weighted by a verifier's score (Li et al. 2023, arXiv:2206.02336; Wang et al. 2024, Math-Shepherd,
arXiv:2312.08935). A solution's score is the product of its steps' (Lightman et al. 2023, arXiv:2305.20050), here as
their geometric mean, so that a branch is not worth less for being longer. An answer that no observation supports is
never "confirmed", however many votes it has.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from agent_runtime.scoring import polynomial
from agent_runtime.scoring.calibration import calibrated
from agent_runtime.scoring.equivalence import equal
from agent_runtime.types import Evidence, FinalAnswer, Node, Observation, Step, VerdictKind

PRIOR_VOTES = 1.0  # one imagined vote for "something else": a single chain is never certain
UNSUPPORTED = 0.4  # weight of a vote that no observation supports, against 1 for one that is
REFUTED_STEP = 0.8  # factor for each step on the way whose check failed
SOUND_REWARD = 0.5  # a branch that its judges find no better than this settles nothing
LEAST_SCORE = 0.01  # no single step that a judge finds bad takes a branch's vote away

TABLES = "sql"  # the tool whose observations are tables, with a header
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_LEFT_OUT = re.compile(
    r"(?:<>|!=|<=?|(?<!=)>=?)\s*(?:\w+\s+)?'(?:[^']|'')*'|\bNOT\s+(?:IN\s*\([^)]*\)|I?LIKE\s*'(?:[^']|'')*')",
    re.I,
)
_COUNT = re.compile(r"\((?:more than )?[\d,]+ rows.*\)")
_DATE = re.compile(r"\d{4}-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2}")

Branch = Sequence[Node]


@dataclass(frozen=True, slots=True)
class Candidate:
    """An answer that some branches gave: the best of those branches, and how sure it is in [0, 1].

    `agreement` is its share of the votes' weight, `certainty` that of its branches in their own words.
    """

    text: str
    node_id: int
    confidence: float
    agreement: float
    certainty: float | None
    verdict: VerdictKind
    evidence: tuple[Evidence, ...]
    n_votes: int


def rank(answered: Sequence[Branch], n_failed: int = 0) -> list[Candidate]:
    """Candidates from the branches that answered, best first; `n_failed` branches ended without an answer."""
    groups: list[list[Branch]] = []
    for branch in answered:
        group = next((group for group in groups if equal(_text(group[0]), _text(branch))), None)
        if group is None:
            groups.append([branch])
        else:
            group.append(branch)
    total = PRIOR_VOTES * 0.1 + sum(weight(branch) for branch in answered) + 0.1 * n_failed
    candidates = [_candidate(group, total) for group in groups]
    return sorted(candidates, key=lambda candidate: (-candidate.agreement, candidate.node_id))


def weight(branch: Branch) -> float:
    """What a branch's vote counts in (0, 1]: support by an observation, how its checks went, what a judge says."""
    n_refuted = sum(node.verdict.kind == "refuted" for node in branch)
    return (1.0 if support(branch) else UNSUPPORTED) * REFUTED_STEP**n_refuted * reward(branch)


def reward(branch: Branch) -> float:
    """The geometric mean of a branch's process rewards in (0, 1]; 1 where no judge spoke."""
    scores = [max(node.verdict.score, LEAST_SCORE) for node in branch if node.verdict.score is not None]
    return geometric_mean(scores) if scores else 1.0


def certainty(branch: Branch) -> float | None:
    """Mean log-probability of the tokens that the model chose on a branch, in nats; None where it reports none.

    A log-probability of 0 is a token that the grammar forced.
    """
    chosen = [logprob for node in branch for logprob in node.logprobs if logprob < 0]
    return sum(chosen) / len(chosen) if chosen else None


def is_sound(branch: Branch) -> bool:
    """Whether observations hold the branch's answer up and no judge finds the branch more wrong than right."""
    return bool(support(branch)) and reward(branch) > SOUND_REWARD


def support(branch: Branch) -> tuple[Evidence, ...]:
    """The checks of a branch whose results hold its answer up; empty unless every part of it is found.

    A part (a name of a chain or of a list, a number) counts as found where a cell or number of an observation
    equals it or the value of the expression that it is (24 holds `(5 * 6) - (10 - 4)` up), or where a name is a
    quoted text of a query that brought rows.
    """
    steps = [node for node in branch if node.observation is not None and node.observation.outcome == "ok"]
    whole = _text(branch)
    if holding := [node for node in steps if _holds(node, whole)]:
        return (_evidence(holding[-1]),)
    found: dict[int, Evidence] = {}
    for part in answer_parts(whole):
        holding = [node for node in steps if _holds(node, part)]
        if not holding:
            return ()
        for node in holding[-1:]:
            found[node.id] = _evidence(node)
    return tuple(found[node_id] for node_id in sorted(found))


def answer_parts(text: str) -> list[str]:
    """The parts of an answer that must each be found: the stations of a chain, the items of a list, else all of it."""
    chain = text.partition(":")[2] if text.lower().startswith(("yes:", "no:")) else text
    pieces = re.split(r"->|\||[,;]\s", chain)
    return [part for part in (piece.strip() for piece in pieces) if part]


def _holds(node: Node, part: str) -> bool:
    assert node.observation is not None
    result = polynomial.value(part)
    forms = [part] if result is None else [part, str(result)]
    if any(equal(cell, form) for cell in _cells(node.observation) for form in forms):
        return True
    check = node.action.check if isinstance(node.action, Step) else None
    if check is None or not _is_name(part) or not _says_something(node.observation):
        return False
    return part.casefold() in {literal.casefold() for literal in _literals(check.input)}


def _is_name(part: str) -> bool:
    """Whether a part is no number and no date: those stand in queries as bounds, and prove nothing there."""
    return any(character.isalpha() for character in part) and not _DATE.match(part)


def _cells(observation: Observation) -> list[str]:
    """What an observation says, in pieces: a table's cells without its header, else what stands between signs."""
    if observation.tool == TABLES:
        brought = [*table_rows(observation.text), *table_rows(observation.brief)]
        return [cell for row in brought for cell in row]
    pieces = re.split(r"[\n|≈=]", f"{observation.text}\n{observation.brief}")
    return [piece.strip() for piece in pieces if piece.strip()]


def table_rows(text: str) -> list[list[str]]:
    """The rows of a rendered table: its first line is the header, a line in brackets tells how many there are."""
    lines = [line for line in text.split("\n")[1:] if not _COUNT.fullmatch(line)]
    return [[cell.strip() for cell in line.split("|")] for line in lines]


def is_empty(observation: Observation) -> bool:
    """Whether a query brought no row, or nothing but NULL."""
    return observation.tool == TABLES and _cells_besides(observation, "NULL") == 0


def _says_something(observation: Observation) -> bool:
    """Whether a table brought a row that is not just an empty aggregate (`count(*)` of nothing is a row, too)."""
    return observation.tool == TABLES and _cells_besides(observation, "NULL", "0", "0.0") > 0


def _cells_besides(observation: Observation, *ignored: str) -> int:
    return sum(cell not in ignored for row in table_rows(observation.text) for cell in row)


def _literals(query: str) -> set[str]:
    """The texts that a query looks for; not those that it compares by size or leaves out."""
    found = _QUOTED.findall(_LEFT_OUT.sub(" ", query))
    return {literal.replace("''", "'") for literal in found}


def _evidence(node: Node) -> Evidence:
    check = node.action.check if isinstance(node.action, Step) else None
    assert check is not None
    assert node.observation is not None
    return Evidence(node.id, check.tool, check.input, node.observation.brief, node.verdict.kind)


def _candidate(group: Sequence[Branch], total: float) -> Candidate:
    best = max(group, key=lambda branch: (weight(branch), -branch[-1].id))
    evidence = support(best)
    agreement = sum(weight(branch) for branch in group) / total * (1.0 if evidence else UNSUPPORTED)
    known = [value for branch in group if (value := certainty(branch)) is not None]
    sure = sum(known) / len(known) if known else None
    return Candidate(
        _text(best),
        best[-1].id,
        calibrated(agreement, sure),
        agreement,
        sure,
        "confirmed" if evidence else "unchecked",
        evidence,
        len(group),
    )


def _text(branch: Branch) -> str:
    action = branch[-1].action
    assert isinstance(action, FinalAnswer)
    return action.text
