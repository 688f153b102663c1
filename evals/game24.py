"""The Game of 24 by tree search with the checker: how many are solved, and how many nodes that takes.

Run: python -m evals.game24 [PACK]. Both sides from one run: best-first search with verdicts against blind
depth-first search over the same moves. Every answer is evaluated anew, exactly.
"""

import argparse
import ast
import statistics
from collections import Counter
from fractions import Fraction
from pathlib import Path

import anyio

from agent_runtime.errors import BudgetExceeded
from agent_runtime.kernel.dispatch import Dispatcher
from agent_runtime.kernel.loop import ReasoningLoop
from agent_runtime.limits.budget import Budget, Meter
from agent_runtime.protocols import Expander, Strategy
from agent_runtime.scoring.verifiers.checks import Checks
from agent_runtime.scoring.verifiers.combined import Combined
from agent_runtime.scoring.verifiers.judge import Judge
from agent_runtime.search.best_first import BestFirst
from agent_runtime.search.graph import SearchGraph
from agent_runtime.types import Backtrack, FinalAnswer, Node, Prompt, Task
from agent_runtime_tools.calculator import Calculator
from evals.packs.items import Item, read_pack
from evals.puzzles.game24 import MoveEnumerator

PACK = Path(__file__).parents[2] / "shared" / "packs" / "game24.dev.jsonl"
NODE_BUDGET = 2_000  # for the guided search; the blind one may take as many as it needs


class DepthFirst:
    """Blind depth-first search: the newest open node first, until an answer."""

    async def search(self, tree: Expander) -> None:
        stack = await tree.expand([tree.root])
        while stack:
            (child,) = await tree.expand([stack[-1]])
            if child.state == "answered":
                return
            if isinstance(child.action, Backtrack):
                tree.close([child], child.action.reason, "dead_end")
                stack.pop()
            elif child.state == "open":
                stack.append(child)


def guided() -> Strategy:
    return BestFirst(n_plans=1, n_parallel=1, n_tries=64, n_rounds=NODE_BUDGET, discount=0.97)


async def play(item: Item, strategy: Strategy, *, is_blind: bool, n_nodes: int | None) -> tuple[bool, int]:
    """Whether the puzzle was solved, and how many nodes the search made."""
    model = MoveEnumerator(is_blind=is_blind)
    calculator = Calculator()
    graph = SearchGraph()
    graph.add(Node(0, None, 0))
    loop = ReasoningLoop(
        Prompt(item.question),
        model,
        Dispatcher({"calc": calculator}, Task("game", item.question)),
        Combined(Checks(), Judge(model)),
        graph,
        Meter(Budget(branches=n_nodes)),
        lambda event: None,
    )
    try:
        await strategy.search(loop)
    except BudgetExceeded:
        pass
    finally:
        await calculator.aclose()
    answers = [node.action.text for node in graph.answers() if isinstance(node.action, FinalAnswer)]
    return any(is_valid(item.question, answer) for answer in answers), len(graph) - 1


def is_valid(question: str, answer: str) -> bool:
    """Exactly 24, with exactly the given numbers."""
    given = question.partition("numbers ")[2].partition(" exactly")[0]
    used = [node.value for node in ast.walk(ast.parse(answer, mode="eval")) if isinstance(node, ast.Constant)]
    exact = eval(answer_as_fractions(answer), {"F": Fraction})
    return exact == 24 and Counter(used) == Counter(int(number) for number in given.split(","))


def answer_as_fractions(answer: str) -> str:
    tree = ast.parse(answer, mode="eval")
    allowed = (ast.Expression, ast.BinOp, ast.Constant, ast.Add, ast.Sub, ast.Mult, ast.Div)
    assert all(isinstance(node, allowed) for node in ast.walk(tree))
    return "".join(f"F({part})" if part.isdigit() else part for part in _tokens(answer))


def _tokens(text: str) -> list[str]:
    tokens = [""]
    for character in text:
        if character.isdigit() and tokens[-1].isdigit():
            tokens[-1] += character
        else:
            tokens.append(character)
    return tokens


async def run(pack: Path) -> None:
    items = read_pack(pack)
    guided_runs = [await play(item, guided(), is_blind=False, n_nodes=NODE_BUDGET) for item in items]
    blind_runs = [await play(item, DepthFirst(), is_blind=True, n_nodes=None) for item in items]
    for name, runs in (("best-first with verdicts", guided_runs), ("blind depth-first", blind_runs)):
        nodes = [n for _, n in runs]
        print(
            f"{name}: {sum(solved for solved, _ in runs)} of {len(runs)} solved;"
            f" nodes: median {statistics.median(nodes):g}, mean {statistics.mean(nodes):.0f}, most {max(nodes)}"
        )
    ratio = sum(n for _, n in blind_runs) / sum(n for _, n in guided_runs)
    print(
        f"blind depth-first makes {ratio:.1f} times as many nodes; node budget of the guided search: {NODE_BUDGET}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pack", nargs="?", type=Path, default=PACK)
    pack = parser.parse_args().pack
    if not pack.is_file():
        print(f"skipped: {pack.name} is not there (it is evaluation data, not part of the project)")
        return
    anyio.run(run, pack)


if __name__ == "__main__":
    main()
