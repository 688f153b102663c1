"""Supervised fine-tuning: teacher's traces and verified runs, loss on the model's own tokens, packed rows.

Reference: Ouyang et al. 2022, arXiv:2203.02155, the supervised stage; masks as the protocol's roles demand them.
"""

import random
from collections.abc import Callable, Iterable, Sequence

from agent_runtime.errors import ConfigError
from agent_runtime_training.encoding import Sample, pack
from agent_runtime_training.fitting import Progress, action_loss, fit
from agent_runtime_training.recipe import Optimiser
from agent_runtime_training.weights import Weights


def fine_tune(
    weights: Weights,
    samples: Iterable[Sample],
    optimiser: Optimiser,
    seed: int,
    report: Callable[[Progress], None] = lambda progress: None,
) -> list[float]:
    """Learn to write the samples' own tokens; the loss of every step.

    Raises:
        ConfigError: No sample fits a row.
    """
    rows = list(pack(shuffled(samples, seed), optimiser.row_tokens))
    if not rows:
        raise ConfigError(f"there is nothing to learn from: no sample fits {optimiser.row_tokens} tokens")
    return fit(weights, rows, optimiser, action_loss, seed, report)


def shuffled(samples: Iterable[Sample], seed: int) -> Sequence[Sample]:
    """The samples in a random order, so that a row holds several families."""
    order = list(samples)
    random.Random(seed).shuffle(order)  # noqa: S311
    return order
