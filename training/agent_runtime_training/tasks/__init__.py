"""Task generators: question, data, a verified teacher's trace and an independent oracle, deterministic under a seed."""

from collections.abc import Iterator

from agent_runtime_training.tasks.arithmetic import ARITHMETIC
from agent_runtime_training.tasks.debugging import DEBUGGING
from agent_runtime_training.tasks.draft import Family
from agent_runtime_training.tasks.example import Example, Split
from agent_runtime_training.tasks.flows import FLOWS
from agent_runtime_training.tasks.puzzles import PUZZLES
from agent_runtime_training.tasks.quick import QUICK
from agent_runtime_training.tasks.tables import TABLES

FAMILIES: dict[str, Family] = {
    family.name: family for family in (FLOWS, TABLES, ARITHMETIC, DEBUGGING, PUZZLES, QUICK)
}


def generate(family: str, n: int, seed: int, split: Split = "train") -> Iterator[Example]:
    """`n` examples of one family; the same ones for the same arguments."""
    return FAMILIES[family].generate(n, seed, split)


__all__ = ["FAMILIES", "Example", "Family", "Split", "generate"]
