"""Calls with their results, as words and docstrings give them: what a program says of itself.

Read are `>>>` examples, and lines such as `f(2) == 3`, `f(2) => 3`, `f(2) -> 3` and `f(2) returns 3`; literals only.
"""

import ast
import doctest
import math
import re
from collections.abc import Iterator, Mapping

from agent_runtime.jobs.debugging.experiments import Call

MAX_CHARACTERS = 100_000
ARROW = re.compile(r"\s*(?:==|=>|->|=|➞|→|➔|returns|should return)\s*(.+)")
MAX_LINE = 500  # characters; a longer line is no example
CLOSE = 1e-6  # relative; an example shows fewer digits than a float has


def examples(words: str, sources: Mapping[str, str]) -> dict[Call, str]:
    """Calls of the program's functions with their results."""
    trees = {file: _parsed(text) for file, text in sources.items()}
    defined = {
        node.name: file
        for file, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    }
    said = [words, *(text for tree in trees.values() for text in _docstrings(tree))]
    shown = [(one.source.strip(), one.want.strip()) for text in said for one in _examples(text)]
    shown += [pair for text in said for pair in _in_lines(text, defined)]
    found: dict[Call, str] = {}
    for source, want in shown:
        try:
            call = ast.parse(source, mode="eval").body
            assert isinstance(call, ast.Call)
            assert isinstance(call.func, ast.Name)
            arguments = [ast.literal_eval(argument) for argument in call.args]
            if call.func.id in defined and not call.keywords:
                place = (defined[call.func.id], call.func.id, repr(arguments))
                found.setdefault(place, repr(ast.literal_eval(want)))
        except (SyntaxError, ValueError, AssertionError, TypeError, RecursionError):
            continue
    return found


def _in_lines(text: str, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Calls with what an arrow after them, or the like, points to."""
    for line in text[:MAX_CHARACTERS].splitlines():
        for match in re.finditer(r"(\w+)\(", line[:MAX_LINE]):
            if match[1] not in names:
                continue
            for end in (at + 1 for at in range(match.end(), min(len(line), MAX_LINE)) if line[at] == ")"):
                arrow = ARROW.match(line[end:])
                if arrow and _is_expression(line[match.start() : end]):
                    yield line[match.start() : end], arrow[1].partition(" #")[0].strip(" .,;`")
                    break


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError):
        return False
    return True


def _docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def agrees(output: str, want: str) -> bool:
    """Whether a call's output, `(result, arguments)` as text, has the result that an example gives."""
    if output.startswith(f"({want}, "):
        return True
    try:
        result, _ = ast.literal_eval(output)
        return _is_close(result, ast.literal_eval(want))
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False


def _is_close(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float | int) and not isinstance(other, bool):
        return math.isclose(one, other, rel_tol=CLOSE)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        is_alike = type(one) is type(other) and len(one) == len(other)
        return is_alike and all(map(_is_close, one, other))
    return type(one) is type(other) and one == other


def _examples(text: str) -> list[doctest.Example]:
    try:
        return doctest.DocTestParser().get_examples(text[:MAX_CHARACTERS])
    except ValueError:
        return []


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])
