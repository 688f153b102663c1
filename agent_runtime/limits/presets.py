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
    "standard": Allotment("standard", 6),  # four chains vote, two more look for a second derivation
    "deep": Allotment("deep", 34),  # search with backtracking, then the same
    "auto": Allotment("auto", 32),  # greedy first, more only where the checks leave doubt
}
