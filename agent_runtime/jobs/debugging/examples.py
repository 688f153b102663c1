"""Calls with their results, as `>>>` examples in words and docstrings give them: what a program says of itself."""

import ast
import doctest
import math
from collections.abc import Mapping

from agent_runtime.jobs.debugging.experiments import Call

MAX_CHARACTERS = 100_000
CLOSE = 1e-6  # relative; an example shows fewer digits than a float has


def examples(words: str, sources: Mapping[str, str]) -> dict[Call, str]:
    """Calls with their results; literals only."""
    defined = {
        node.name: file
        for file, text in sources.items()
        for node in ast.walk(_parsed(text))
        if isinstance(node, ast.FunctionDef)
    }
    found: dict[Call, str] = {}
    for text in (words, *sources.values()):
        for example in _examples(text):
            try:
                call = ast.parse(example.source.strip(), mode="eval").body
                assert isinstance(call, ast.Call)
                assert isinstance(call.func, ast.Name)
                arguments = [ast.literal_eval(argument) for argument in call.args]
                if call.func.id in defined and not call.keywords:
                    place = (defined[call.func.id], call.func.id, repr(arguments))
                    found[place] = repr(ast.literal_eval(example.want.strip()))
            except (SyntaxError, ValueError, AssertionError):
                continue
    return found


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
