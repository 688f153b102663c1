"""How sure an answer is, as a probability.

Platt scaling (Platt 1999; Guo et al. 2017, arXiv:1706.04599) of three readings: the share of the vote's weight, whether
a second derivation came to the same, and the mean log-probability of the tokens that the model chose (self-certainty,
Kang et al. 2025, arXiv:2502.18581; DeepConf, Fu et al. 2025, arXiv:2508.15260). A map belongs to the model that it was
fitted to (`agent-runtime calibrate`); an answer of any other model says "uncalibrated" and states its share.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul
from pathlib import Path

from agent_runtime.errors import InputError

LEAST = 1e-3  # shares are kept this far from 0 and 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic map: coefficients of 1, of the share's log-odds, of "confirmed", of the mean log-probability.

    `n_items` answers fitted it; `brier` is its score on as many that did not.
    """

    model: str
    coefficients: tuple[float, float, float, float]
    n_items: int = 0
    brier: float = 0.0

    def probability(self, share: float, *, is_confirmed: bool, mean_logprob: float | None) -> float:
        """The probability that an answer is right; no log-probability counts as an average one."""
        found = features(share, is_confirmed=is_confirmed, mean_logprob=mean_logprob)
        return logistic(found, self.coefficients)


def features(share: float, *, is_confirmed: bool, mean_logprob: float | None) -> tuple[float, float, float]:
    """What the coefficients are for."""
    bounded = min(1 - LEAST, max(LEAST, share))
    return math.log(bounded / (1 - bounded)), float(is_confirmed), mean_logprob or 0.0


def logistic(found: Sequence[float], coefficients: Sequence[float]) -> float:
    """The logistic map of features, the constant's coefficient first."""
    bias, *slopes = coefficients
    return 1.0 / (1.0 + math.exp(-(bias + sum(map(mul, slopes, found)))))


def calibration_file(folder: Path, model: str, sha256: str) -> Path:
    """Where the map of a model is kept: by the hash of its weights, or by its name where it has none."""
    name = sha256[:16] or "".join(c if c.isalnum() else "-" for c in model)[:80]
    return folder / "calibration" / f"{name}.json"


def read_calibration(path: Path, model: str) -> Calibration | None:
    """The map in a file; None where there is none.

    Raises:
        InputError: The file is no calibration of this model.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        coefficients = tuple(float(value) for value in data["coefficients"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{str(path)!r} is no calibration; `agent-runtime calibrate` writes one: {error}"
        ) from None
    if data.get("model") != model or len(coefficients) != 4 or not all(map(math.isfinite, coefficients)):
        raise InputError(
            f"{str(path)!r} is no calibration of {model!r}; `agent-runtime calibrate` writes one"
        )
    return Calibration(model, coefficients, int(data.get("n_items", 0)), float(data.get("brier", 0.0)))


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Keep a map for the runs to come."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "model": calibration.model,
        "coefficients": list(calibration.coefficients),
        "n_items": calibration.n_items,
        "brier": calibration.brier,
    }
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
