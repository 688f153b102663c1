"""A Python file as the edit operators see it: its syntax tree, where each expression stands, what names are known.

An operator hands in a new expression for an old one and gets a candidate whose lines differ there alone; what
does not parse any more is no candidate.
"""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent_runtime.jobs.debugging.types import Candidate

OPERATOR_NODES = (ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.Compare, ast.Attribute, ast.Await, ast.Starred)
LOOSE = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Lambda, ast.UnaryOp, ast.NamedExpr, ast.Await)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class Source:
    """A parsed file. Raises `SyntaxError` where it is no Python."""

    file: str
    text: str
    lines: list[str] = field(init=False)
    tree: ast.Module = field(init=False)
    parents: dict[ast.AST, ast.AST] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.text.split("\n")
        with warnings.catch_warnings(action="ignore"):
            self.tree = ast.parse(self.text)
        self.parents = {
            child: parent for parent in ast.walk(self.tree) for child in ast.iter_child_nodes(parent)
        }

    def expressions(self, line: int) -> Iterator[ast.expr]:
        """The expressions that begin on `line`, outermost first."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.expr) and node.lineno == line:
                yield node

    def statements(self, line: int) -> Iterator[ast.stmt]:
        """The statements that begin on `line`."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt) and node.lineno == line:
                yield node

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """The innermost function around `node`."""
        while (node := self.parents.get(node, self.tree)) is not self.tree:
            if isinstance(node, FunctionNode):
                return node
        return None

    def scope_of(self, node: ast.AST) -> FunctionNode | ast.Module:
        """The innermost function around `node`, else the module."""
        return self.function_of(node) or self.tree

    def names(self, node: ast.AST) -> list[str]:
        """The variables that `node` could mean: parameters and what its function assigns, in order."""
        scope = self.scope_of(node)
        found = list(parameters(scope)) if isinstance(scope, FunctionNode) else []
        found += [
            inner.id
            for inner in ast.walk(scope)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        ]
        return list(dict.fromkeys(found))

    def indent(self, line: int) -> str:
        """The white space before a line."""
        text = self.lines[line - 1]
        return text[: len(text) - len(text.lstrip())]

    def replaced(self, old: ast.expr, new: ast.expr | str, operator: str, prior: float) -> Candidate | None:
        """A candidate with `new` where `old` stands."""
        text = new if isinstance(new, str) else ast.unparse(ast.fix_missing_locations(new))
        if (
            not isinstance(new, str)
            and isinstance(new, LOOSE)
            and self._binds(old)
            and not self._is_in_brackets(old)
        ):
            text = f"({text})"
        return self.spliced(span(old), text, operator, prior)

    def spliced(
        self, at: tuple[int, int, int, int], text: str, operator: str, prior: float
    ) -> Candidate | None:
        """A candidate with `text` from (line, column) to (line, column); columns count UTF-8 bytes."""
        first, start, last, end = at
        before = self.lines[first - 1].encode()[:start].decode()
        after = self.lines[last - 1].encode()[end:].decode()
        return self.rewritten(first, last, tuple((before + text + after).split("\n")), operator, prior)

    def rewritten(
        self, first: int, last: int, lines: tuple[str, ...], operator: str, prior: float
    ) -> Candidate | None:
        """A candidate with `lines` in the place of FIRST to LAST; None where nothing changes or parses."""
        if tuple(self.lines[first - 1 : last]) == lines:
            return None
        candidate = Candidate(self.file, first, last, lines, operator, prior)
        try:
            with warnings.catch_warnings(action="ignore"):  # of the program's, not ours
                compile(candidate.applied(self.text), self.file, "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            return None
        return candidate

    def _is_in_brackets(self, node: ast.expr) -> bool:
        first, start, last, end = span(node)
        before, after = self.lines[first - 1].encode()[:start], self.lines[last - 1].encode()[end:]
        return before.endswith(b"(") and after.startswith(b")")

    def _binds(self, node: ast.expr) -> bool:
        parent = self.parents.get(node)
        if isinstance(parent, ast.Subscript | ast.Call):
            return node is (parent.value if isinstance(parent, ast.Subscript) else parent.func)
        return isinstance(parent, OPERATOR_NODES)


def span(node: ast.expr | ast.stmt) -> tuple[int, int, int, int]:
    """Where a node stands: first line, column, last line, column."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def parameters(function: FunctionNode) -> list[str]:
    """The names of a function's parameters, in order."""
    given = function.args
    listed = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return [argument.arg for argument in listed if argument is not None]


def end_line(node: ast.stmt) -> int:
    """The last line of a statement."""
    assert node.end_lineno is not None
    return node.end_lineno
