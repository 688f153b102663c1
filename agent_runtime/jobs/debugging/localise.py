"""Which lines may hold the fault: the traceback's frames, the spectrum of what passed and failed, what is named.

Spectrum-based: Ochiai's coefficient (Abreu, Zoeteweij & van Gemund 2007, TAIC PART): of the asserts or tests that
ran a line, how many failed, against all that failed. Where everything fails, each executed line is as suspect as
the next, and the frames decide.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath

from agent_runtime.jobs.debugging.commands import is_test
from agent_runtime.jobs.debugging.experiments import Trial
from agent_runtime.jobs.debugging.types import Failure, Frame, Suspect

FOREIGN = ("site-packages", "dist-packages", "/lib/python3", "<")
FRAME_DISCOUNT = 0.85  # for each step from the innermost frame outwards


def own_file(path: str, files: Iterable[str]) -> str | None:
    """The program's own file that a traceback's path means; None for a library's."""
    if any(mark in path for mark in FOREIGN):
        return None
    parts = PurePath(path.replace("\\", "/")).parts
    best, length = None, 0
    for name in files:
        own = PurePath(name).parts
        if parts[-len(own) :] == own and len(own) > length:
            best, length = name, len(own)
    return best


def own_frames(failure: Failure, files: Mapping[str, str]) -> list[Frame]:
    """The frames of the exception to explain that lie in the program, innermost first, by relative names."""
    found = []
    for frame in reversed(failure.root.frames):
        name = own_file(frame.file, files)
        if name is not None and 1 <= frame.line <= files[name].count("\n") + 1:
            found.append(Frame(name, frame.line, frame.function, frame.source))
    return found


def ochiai(trial: Trial) -> dict[tuple[str, int], float]:
    """Each executed line's coefficient in [0, 1]; empty where nothing was traced."""
    failing: Counter[tuple[str, int]] = Counter()
    passing: Counter[tuple[str, int]] = Counter()
    n_failing = 0
    for held, lines in trial.events:
        n_failing += not held
        (passing if held else failing).update(set(lines))
    return {line: count / math.sqrt(n_failing * (count + passing[line])) for line, count in failing.items()}


def suspects(
    failure: Failure | None, trial: Trial | None, files: Mapping[str, str], max_lines: int = 400
) -> list[Suspect]:
    """The lines to look at, most suspect first; tests only where nothing else is left (they are never edited)."""
    scores: defaultdict[tuple[str, int], float] = defaultdict(float)
    how: dict[tuple[str, int], Suspect] = {}
    for line, score in (ochiai(trial) if trial is not None else {}).items():
        if line[0] in files:
            scores[line] = score
            how[line] = Suspect(*line, score, "spectrum")
    weight = 1.0
    for frame in own_frames(failure, files) if failure is not None else ():
        at = (frame.file, frame.line)
        scores[at] += weight
        how[at] = Suspect(*at, scores[at], "frame")
        weight *= FRAME_DISCOUNT
    kept = [at for at in scores if not is_test(at[0])] or list(scores)
    most = max((scores[at] for at in kept), default=1.0) or 1.0
    ranked = sorted(kept, key=lambda at: (-scores[at], at))[:max_lines]
    return [Suspect(*at, scores[at] / most, how[at].found_by) for at in ranked]


def by_file(found: Sequence[Suspect]) -> dict[str, dict[int, float]]:
    """The suspects' scores by file and line."""
    grouped: dict[str, dict[int, float]] = {}
    for suspect in found:
        grouped.setdefault(suspect.file, {})[suspect.line] = suspect.score
    return grouped
