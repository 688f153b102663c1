"""Edits that a model writes itself: as candidates, and whether they touch what tells right from wrong.

An enumerated edit leaves tests and asserts alone by the way it is made. A model may write anything, and the shortest
way to make a failing command pass is to take its check away.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping

from agent_runtime.jobs.debugging.commands import is_test
from agent_runtime.jobs.debugging.types import Candidate
from agent_runtime.types import Check

PRIOR = 0.5  # as a middling kind of enumerated edit on the most suspect line
ENDINGS = ("exit", "_exit", "quit", "abort", "kill", "SystemExit")  # what ends a program before its checks


def edit_candidate(check: Check, sources: Mapping[str, str], operator: str = "model") -> Candidate | None:
    """The `edit` of a check as a candidate; None where it names no file or lines of the program."""
    head, _, body = check.input.partition("\n")
    file, _, lines = head.rpartition(":")
    first, _, last = lines.partition("-")
    if check.tool != "edit" or file not in sources or not (first.isdigit() and last.strip().isdigit()):
        return None
    n_lines = sources[file].count("\n") + 1
    if not (1 <= int(first) <= int(last) + 1 and int(last) <= n_lines):
        return None
    lines_in = tuple(body.split("\n")) if body else ()
    return Candidate(file, int(first), int(last), lines_in, operator, PRIOR)


def judges(candidate: Candidate, source: str) -> bool:
    """Whether an edit changes a test, an assert or where it stands, or adds a way to end before it."""
    if is_test(candidate.file):
        return True
    changed = candidate.applied(source)
    try:
        before, after = ast.parse(source), ast.parse(changed)
    except (SyntaxError, ValueError, RecursionError):  # what a fix has to mend may be the syntax itself
        return _assert_lines(source) != _assert_lines(changed)
    return list(_asserts(before)) != list(_asserts(after)) or bool(_endings(after) - _endings(before))


def _assert_lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.lstrip().startswith("assert")]


def _asserts(node: ast.AST, around: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every assert with the statements around it, which decide whether it runs and whether its failure is seen."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Assert):
            yield (*around, ast.unparse(child))
        elif isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield from _asserts(child, (*around, _head(child)))


def _head(node: ast.AST) -> str:
    """The kind of a statement, with the name or the test that it begins with."""
    test = getattr(node, "test", None)
    return (
        f"{type(node).__name__} {getattr(node, 'name', '')} {ast.unparse(test) if test is not None else ''}"
    )


def _endings(tree: ast.AST) -> Counter[str]:
    names = [
        getattr(node, "id", "") or getattr(node, "attr", "") or getattr(node, "name", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute | ast.alias)
    ]
    return Counter(name for name in names if name in ENDINGS)
