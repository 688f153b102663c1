"""How long the functions are: median, 90th percentile and the longest, by package.

Counts the lines of a definition from its `def` to its last line, without decorators. Reads the source; imports nothing.
"""

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PRODUCT = ("agent_runtime", "tools", "sandboxes")  # what is shipped; the limits hold for it
ROOTS = (*PRODUCT, "training", "evals")
N_SHOWN = 20
P90_LINES = 20  # the house's limits: nine functions of ten, and any
MAX_LINES = 80


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method of the source."""

    name: str
    path: Path
    line: int
    n_lines: int


def main() -> None:
    """Print the table and the longest functions; exit code 1 where a shipped package is over a limit."""
    checkout = Path(__file__).resolve().parents[1]
    found = {root: functions(checkout / root) for root in ROOTS}
    print(f"{'package':14} functions  median  p90  max")
    for root, those in found.items():
        n_lines = sorted(function.n_lines for function in those)
        print(f"{root:14} {len(n_lines):9} {at(n_lines, 0.5):7} {at(n_lines, 0.9):4} {n_lines[-1]:4}")
    longest = sorted((f for those in found.values() for f in those), key=lambda f: -f.n_lines)
    for function in longest[:N_SHOWN]:
        place = f"{function.path.relative_to(checkout)}:{function.line}"
        print(f"{function.n_lines:4}  {place}  {function.name}")
    sys.exit(any(is_over(found[root]) for root in PRODUCT))


def functions(root: Path) -> list[Function]:
    """Every function below a folder."""
    return [function for path in sorted(root.rglob("*.py")) for function in _functions(path)]


def _functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(node.name, path, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1)


def at(ordered: Sequence[int], share: float) -> int:
    """The value below which `share` of the ordered numbers lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def is_over(those: Sequence[Function]) -> bool:
    """Whether these functions break one of the house's limits."""
    n_lines = sorted(function.n_lines for function in those)
    return at(n_lines, 0.9) > P90_LINES or n_lines[-1] > MAX_LINES


if __name__ == "__main__":
    main()
