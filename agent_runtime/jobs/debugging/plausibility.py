"""How a fix that passes looks by itself: does it still reach the failing code, keep its word, and bear other inputs?

Arguments that hold for any program, each a factor; the doubts are said in words, so that the user can judge them.
What a fix does is compared with the program as it was: an oddity that it had before is no mark against a fix.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_runtime.jobs.debugging.examples import agrees
from agent_runtime.jobs.debugging.experiments import Call, CallResult, Trial
from agent_runtime.jobs.debugging.source import FunctionNode, parameters

SILENCED = 0.05  # where a function that the failing run reached is not reached any more
WRONG_EXAMPLE = 0.05  # for each example in the words that comes out wrong
NEW_CRASH = 0.25  # where every input crashes that worked before; where half of them do, its square root
NEW_KIND = (
    0.5  # where a function returns a kind of value that neither its known calls nor the program before did
)


@dataclass(frozen=True, slots=True)
class Look:
    """How little a fix looks as if it only silenced the failure, in (0, 1], and what speaks against it."""

    plausibility: float = 1.0
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a fix is held against: the failing run, the program's outputs as it was, the inputs and the examples.

    `wanted` gives the results of the first inputs; `seen` are the inputs that a test or an example has.
    """

    before: Trial
    as_is: Trial
    given: tuple[Call, ...]
    wanted: Mapping[Call, str]
    seen: frozenset[Call]

    def n_compared(self, trials: Sequence[Trial]) -> int:
        """Inputs that no test has and that at least one of the fixes bears."""
        return sum(
            call not in self.seen and any(output.text and not output.is_crash for output in outputs)
            for call, *outputs in zip(self.given, *(_filled(one, self.given) for one in trials), strict=True)
        )


def look(trial: Trial, known: Known) -> Look:
    """What speaks against a fix that passes."""
    found = [
        *_silenced(trial, known),
        *_examples(trial, known),
        *_crashes(trial, known),
        *_kinds(trial, known),
    ]
    value = 1.0
    for factor, _ in found:
        value *= factor
    return Look(value, tuple(doubt for _, doubt in found))


def n_unread(text: str) -> int:
    """Names that the functions of a file take or assign and never read: a sign that something is left over."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return 0
    return sum(len(_unread(node)) for node in ast.walk(tree) if isinstance(node, FunctionNode))


def _unread(function: FunctionNode) -> set[str]:
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    written = {node.id for node in names if isinstance(node.ctx, ast.Store)} | set(parameters(function))
    read = {node.id for node in names if not isinstance(node.ctx, ast.Store)}
    return {name for name in written - read if not name.startswith("_") and name not in ("self", "cls")}


def _silenced(trial: Trial, known: Known) -> list[tuple[float, str]]:
    if not trial.functions and not trial.outputs:
        return [(NEW_CRASH, "gave no result when it was compared")] if known.before.functions else []
    lost = sorted(known.before.functions - trial.functions)
    if not lost:
        return []
    shown = ", ".join(f"{name}() of {file}" for file, name in lost[:3])
    return [(SILENCED, f"silences the failure: {shown} is not reached any more")]


def _examples(trial: Trial, known: Known) -> list[tuple[float, str]]:
    return [
        (WRONG_EXAMPLE, f"the example {name}({text[1:-1][:80]}) does not give {want[:80]}")
        for ((_, name, text), want), output in zip(known.wanted.items(), trial.outputs, strict=False)
        if output.is_crash or not agrees(output.text, want)
    ]


def _crashes(trial: Trial, known: Known) -> list[tuple[float, str]]:
    pairs = list(zip(trial.outputs, known.as_is.outputs, strict=False))
    worked = [new for new, old in pairs if not old.is_crash]
    n_crashes = sum(output.is_crash for output in worked)
    if not n_crashes:
        return []
    factor = NEW_CRASH ** (n_crashes / len(worked))
    return [(factor, f"crashes on {n_crashes} of {len(worked)} mutated inputs that worked before")]


def _kinds(trial: Trial, known: Known) -> list[tuple[float, str]]:
    """Types of results that are new: `None` where a function falls through, most often."""
    usual: dict[tuple[str, str], set[str]] = {}
    for call, output in zip(known.given, trial.outputs, strict=False):
        if call in known.seen and (kind := _kind(output)):
            usual.setdefault(call[:2], set()).add(kind)
    for call, new, old in zip(known.given, trial.outputs, known.as_is.outputs, strict=False):
        kind, expected = _kind(new), usual.get(call[:2], set())
        if kind and expected and kind not in expected and kind != _kind(old):
            return [
                (
                    NEW_KIND,
                    f"{call[1]}({call[2][1:-1][:80]}) returns {kind}, not {' or '.join(sorted(expected))}",
                )
            ]
    return []


def _kind(output: CallResult) -> str:
    """The type of a call's result; numbers are alike; empty for a crash and for what is no literal."""
    if output.is_crash:
        return ""
    try:
        result, _ = ast.literal_eval(output.text)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return ""
    is_number = isinstance(result, int | float | complex) and not isinstance(result, bool)
    return "None" if result is None else "number" if is_number else type(result).__name__


def _filled(trial: Trial, given: Sequence[Call]) -> list[CallResult]:
    """One output an input, empty where the experiment was lost."""
    return [*trial.outputs, *([CallResult("")] * len(given))][: len(given)]
