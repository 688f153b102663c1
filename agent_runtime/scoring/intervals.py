"""How sure a measured share is, and how far stated confidence agrees with measured shares."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt

FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def wilson(n_right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); everything is possible where nothing was measured."""
    if n == 0:
        return 0.0, 1.0
    share = n_right / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def reliability(
    answers: Iterable[tuple[float, bool]], edges: Sequence[float] = FIFTHS
) -> list[tuple[str, int, float, float]]:
    """How often answers of a stated confidence in [0, 1] are right: (band, answers, mean confidence, share right).

    A band holds its lower edge, the last one also 1; a band without answers is left out.
    """
    stated = list(answers)
    bands = []
    for low, high in pairwise(edges):
        inside = [pair for pair in stated if low <= pair[0] < high or pair[0] == high == edges[-1]]
        if inside:
            mean, right = (sum(values) / len(inside) for values in zip(*inside, strict=True))
            bands.append((f"{low:.1f} to {high:.1f}", len(inside), mean, right))
    return bands
