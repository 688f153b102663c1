"""When an edit that passes is called a fix: only where the evidence carries it.

Of the edits that pass the tests one has, many are wrong on others (Smith et al. 2015, FSE). So an edit counts as a fix
where most of the plausible weight, more than a half, stands behind one behaviour. Below, it is the best candidate,
shown with what is missing and never as a verified fix.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime.jobs.debugging.comparing import UNTRIED, Ranked
from agent_runtime.jobs.debugging.types import Candidate, Fix

MIN_CONFIDENCE = 0.5  # most of the weight
N_RIVALS = 3


@dataclass(frozen=True, slots=True)
class Passed:
    """What the search left: what passes and breaks nothing, best first; how many passed; the earlier tests."""

    ranked: Sequence[Ranked]
    n_passing: int
    n_earlier: int
    command: tuple[str, ...]


def is_established(fix: Fix, min_confidence: float = MIN_CONFIDENCE) -> bool:
    """Whether more than `min_confidence` stands behind an edit that passes."""
    return fix.confidence > min_confidence


def passed_fix(passed: Passed, source: str) -> Fix:
    """The best edit that passes, with its diff and what was verified; whether it is established is for the caller."""
    best = passed.ranked[0]
    return Fix(
        candidate=best.candidate,
        diff=diff_of(best.candidate, source),
        verification=tuple(_verified(passed, best)),
        n_rivals=passed.n_passing,
        n_agreeing=best.n_agreeing,
        confidence=best.confidence,
        rivals=tuple(one.candidate for one in passed.ranked[1 : 1 + N_RIVALS]),
        plausibility=best.plausibility,
        doubts=best.doubts,
    )


def what_is_missing(fix: Fix, min_confidence: float) -> str:
    """Why an edit that passes is not established, in one line."""
    said = list(fix.doubts)
    if fix.n_rivals > fix.n_agreeing:
        n = fix.n_rivals - fix.n_agreeing
        others = f"{n} other edit{'s pass' if n > 1 else ' passes'}"
        differ = "" if UNTRIED in fix.doubts else ", and not with the same results on inputs that no test has"
        said.append(f"{others}{differ}; a further test would tell")
    elif not fix.doubts:
        said.append("edits of its kind are rarer than the average; a further test would tell")
    said.append(f"its confidence is {fix.confidence:.2f}, and a fix needs more than {min_confidence:g}")
    return "; ".join(said)


def diff_of(candidate: Candidate, old: str) -> str:
    """A unified diff that `patch -p1` and `git apply` take."""
    name = candidate.file
    before, after = old.splitlines(keepends=True), candidate.applied(old).splitlines(keepends=True)
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _verified(passed: Passed, best: Ranked) -> list[str]:
    said = [
        f"`{' '.join(passed.command)}` ends with exit code 0 with the edit, run alone in a clean sandbox."
    ]
    if passed.n_earlier:
        said.append(f"All {passed.n_earlier} tests of the folder that passed before still pass.")
    if best.n_inputs:
        said.append(f"It was tried on {best.n_inputs} mutated inputs.")
    said += [f"But: {doubt}." for doubt in best.doubts]
    if passed.n_passing > 1:
        agreeing = f"; {best.n_agreeing} of those compared behave like this one" if best.n_inputs else ""
        said.append(f"{passed.n_passing} edits pass{agreeing} (confidence {best.confidence:.2f}).")
    else:
        said.append(f"No other edit passes (confidence {best.confidence:.2f}).")
    return said
