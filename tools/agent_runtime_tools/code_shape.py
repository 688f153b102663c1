"""How a program derives what it prints, as marks of its structure: no names, texts, numbers or operators.

Each kind of part counts once, so that a helper variable or one more `print` makes no other derivation.
"""

import ast
from collections.abc import Iterator

from agent_runtime.types import CONSTANT, UNREAD

MARKS: tuple[tuple[tuple[type[ast.AST], ...], str], ...] = (
    ((ast.For, ast.While, ast.AsyncFor), "loop"),
    ((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), "comprehension"),
    ((ast.If, ast.IfExp, ast.Match), "condition"),
    ((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), "function"),
    ((ast.ClassDef,), "class"),
    ((ast.BinOp, ast.AugAssign), "arithmetic"),
    ((ast.Compare,), "comparison"),
    ((ast.Subscript,), "subscript"),
    ((ast.Dict,), "mapping"),
    ((ast.Assert,), "assertion"),
    ((ast.Import, ast.ImportFrom), "import"),
)
# what a call is for, by what is called; a changed aggregate is no other derivation
CALLS = {
    "aggregate": frozenset({"sum", "max", "min", "len", "mean", "median", "count", "prod", "fsum"}),
    "order": frozenset({"sorted", "sort", "sort_values", "nlargest", "nsmallest", "most_common"}),
    "group": frozenset({"groupby", "Counter", "defaultdict"}),
    "read": frozenset({"open", "reader", "DictReader", "read_csv", "read_text", "load", "loads"}),
    "print": frozenset({"print"}),
}


def code_shape(code: str) -> tuple[str, ...]:
    """The marks of a program, sorted; programs that cannot be read all look alike."""
    try:
        tree = ast.parse(code)
        marks = {mark for node in ast.walk(tree) for mark in _marks(tree, node)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return UNREAD
    return tuple(sorted(f"python:{mark}" for mark in marks - {"print"})) or CONSTANT


def _marks(tree: ast.Module, node: ast.AST) -> Iterator[str]:
    yield from (mark for kinds, mark in MARKS if isinstance(node, kinds))
    if isinstance(node, ast.Call):
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        yield next((mark for mark, names in CALLS.items() if name in names), "call")
        if any(isinstance(one, ast.FunctionDef) and _calls(one, one.name) for one in _named(tree, name)):
            yield "recursion"


def _named(tree: ast.Module, name: str) -> list[ast.stmt]:
    return [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]


def _calls(function: ast.FunctionDef, name: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
        for node in ast.walk(function)
    )
