"""How much thinking a question gets: the four settings of `--think`, each a strategy and a branch budget.

`--max-branches` takes the budget's place; a strategy that is named by hand has none.
"""

from dataclasses import dataclass
from typing import Literal

Think = Literal["quick", "standard", "deep", "auto"]


@dataclass(frozen=True, slots=True)
class Allotment:
    """The strategy that a thinking time stands for, and how many branches it may open at the most."""

    strategy: str
    branches: int


ALLOTMENTS: dict[Think, Allotment] = {
    "quick": Allotment("chain", 1),  # one greedy pass: a caption, a look-up
    "standard": Allotment("vote", 4),  # four chains vote
    "deep": Allotment("best_first", 32),  # search with backtracking
    "auto": Allotment("auto", 32),  # greedy first, more only where the checks leave doubt
}
