"""How sure an answer is, as a probability: what branches agree on and how sure the model was of its own words.

Platt scaling (Platt 1999; Guo et al. 2017, arXiv:1706.04599) of two readings. Agreement is the share of the vote's
weight, evidence counted in. Certainty is the mean log-probability of the tokens that the model chose, which tells
right chains from wrong ones where all of them are well-formed and checked (self-certainty, Kang et al. 2025,
arXiv:2502.18581; DeepConf, Fu et al. 2025, arXiv:2508.15260). The coefficients are fitted to the embedded model by
`python -m evals.calibration`; other models get the same map until they are fitted. A model that reports no
log-probabilities gets the agreement as it is.
"""

import math
from collections.abc import Sequence
from operator import mul

COEFFICIENTS = (-1.05, 0.73, 4.66)  # of 1, of the agreement's log-odds, of the certainty
LEAST = 1e-3  # agreements are kept this far from 0 and 1


def calibrated(agreement: float, certainty: float | None) -> float:
    """The probability that an answer is right; `certainty` <= 0 in nats a token, None where nothing is known."""
    return agreement if certainty is None else probability(features(agreement, certainty))


def features(agreement: float, certainty: float) -> tuple[float, float]:
    """What the coefficients are for: the log-odds of the agreement, and the certainty."""
    bounded = min(1 - LEAST, max(LEAST, agreement))
    return math.log(bounded / (1 - bounded)), certainty


def probability(found: Sequence[float], coefficients: Sequence[float] = COEFFICIENTS) -> float:
    """The logistic map of features, the constant's coefficient first."""
    bias, *slopes = coefficients
    return 1.0 / (1.0 + math.exp(-(bias + sum(map(mul, slopes, found)))))
