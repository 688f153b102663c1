"""Edit operators on whole statements: what is missing, too much, in the wrong place or at the wrong depth.

Insertion draws on what the function already says (the plastic surgery hypothesis, Barr et al. 2014, FSE) and on
guards whose form people forget most.
"""

import ast
from collections.abc import Iterator
from dataclasses import replace

from agent_runtime.jobs.debugging.source import FunctionNode, Source, end_line, parameters, span
from agent_runtime.jobs.debugging.types import Candidate

BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try)
AUGMENTED = ("+=", "-=", "*=", "//=", "/=", "%=", "=")
FIRST_VALUES = ("0", "1", "-1", "[]", "''", "{}", "set()", "None", "True", "False")
GUARDS = ("None", "0", "[]", "''", "False", "True", "-1")
MAX_DONORS = 24


def rewrites(source: Source, statement: ast.stmt) -> Iterator[Candidate]:
    """Every candidate that one operator makes of `statement`."""
    for found in _all(source, statement):
        if found is not None:
            yield found


def _all(source: Source, statement: ast.stmt) -> Iterator[Candidate | None]:
    yield from _changed(source, statement)
    yield from _moved(source, statement)
    yield from _inserted(source, statement)
    if isinstance(statement, FunctionNode):
        yield from _guarded(source, statement)
        yield from _returning(source, statement)


def _changed(source: Source, statement: ast.stmt) -> Iterator[Candidate | None]:
    """Another form of the statement itself."""
    first, last, pad = statement.lineno, end_line(statement), source.indent(statement.lineno)
    if isinstance(statement, ast.AugAssign):
        target, value = ast.unparse(statement.target), ast.unparse(statement.value)
        for operator in AUGMENTED:
            line = f"{pad}{target} {operator} {value}"
            yield source.rewritten(first, last, (line,), "assignment operator", 0.8)
    elif isinstance(statement, ast.Assign):
        yield from _other_assignments(source, statement)
    elif isinstance(statement, ast.Return):
        yield from _other_returns(source, statement)
    elif isinstance(statement, ast.Expr) and _is_plain_call(statement.value):
        yield source.rewritten(
            first, last, (f"{pad}return {ast.unparse(statement.value)}",), "missing return", 0.4
        )
    elif isinstance(statement, ast.Break | ast.Continue):
        for word in ("break", "continue", "pass"):
            yield source.rewritten(first, last, (pad + word,), "loop exit", 0.5)
    elif isinstance(statement, ast.If):
        yield from _other_branches(source, statement)


def _other_assignments(source: Source, statement: ast.Assign) -> Iterator[Candidate | None]:
    target = statement.targets[0]
    if not isinstance(target, ast.Name):
        return
    first, last, pad = statement.lineno, end_line(statement), source.indent(statement.lineno)
    name, value = target.id, ast.unparse(statement.value)
    for operator in AUGMENTED[:3]:
        yield source.rewritten(first, last, (f"{pad}{name} {operator} {value}",), "assignment operator", 0.4)
    for start in FIRST_VALUES if isinstance(statement.value, ast.Constant | ast.List | ast.Dict) else ():
        yield source.rewritten(first, last, (f"{pad}{name} = {start}",), "first value", 0.3)
    for other in source.names(statement)[:10]:
        yield source.rewritten(first, last, (f"{pad}{other} = {value}",), "assigned variable", 0.3)


def _other_returns(source: Source, statement: ast.Return) -> Iterator[Candidate | None]:
    pad, at = source.indent(statement.lineno), (statement.lineno, end_line(statement))
    for name in source.names(statement)[:12]:
        yield source.rewritten(*at, (f"{pad}return {name}",), "returned variable", 0.4)
    if statement.value is not None:
        value = ast.unparse(statement.value)
        yield source.rewritten(*at, (f"{pad}return not ({value})",), "missing not", 0.3)
        for condition in _conditions_of(source, statement)[:6]:
            for word in ("and", "or"):
                line = f"{pad}return {value} {word} {condition}"
                yield source.rewritten(*at, (line,), "missing condition", 0.15)


def _other_branches(source: Source, statement: ast.If) -> Iterator[Candidate | None]:
    line = source.lines[statement.lineno - 1]
    word = line.lstrip()
    if word.startswith("if "):
        changed = line.replace("if ", "elif ", 1)
        yield source.rewritten(statement.lineno, statement.lineno, (changed,), "elif", 0.3)
        yield source.rewritten(
            statement.lineno, statement.lineno, (line.replace("if ", "while ", 1),), "loop", 0.15
        )
    elif word.startswith("elif "):
        changed = line.replace("elif ", "if ", 1)
        yield source.rewritten(statement.lineno, statement.lineno, (changed,), "elif", 0.4)


def _moved(source: Source, statement: ast.stmt) -> Iterator[Candidate | None]:
    """The statement gone, or one place further, or one level in or out."""
    block = _block_of(source, statement)
    if block is None or isinstance(statement, FunctionNode | ast.ClassDef):
        return
    first, last, pad = statement.lineno, end_line(statement), source.indent(statement.lineno)
    lines = tuple(source.lines[first - 1 : last])
    gone: tuple[str, ...] = () if len(block) > 1 else (f"{pad}pass",)
    yield source.rewritten(first, last, gone, "deleted statement", 0.35)
    index = block.index(statement)
    if index + 1 < len(block):
        after = block[index + 1]
        other = tuple(source.lines[after.lineno - 1 : end_line(after)])
        gap = tuple(source.lines[last : after.lineno - 1])
        yield source.rewritten(first, end_line(after), (*other, *gap, *lines), "order of statements", 0.4)
    outer = source.parents.get(statement)
    if index == len(block) - 1 and isinstance(outer, ast.stmt) and index > 0:
        shift = len(pad) - len(source.indent(outer.lineno))
        if shift > 0 and not isinstance(outer, FunctionNode | ast.ClassDef):
            yield source.rewritten(first, last, _shifted(lines, -shift), "depth", 0.6)
    if index > 0 and isinstance(block[index - 1], BLOCKS):
        inner = _last_line_pad(source, block[index - 1])
        yield source.rewritten(first, last, _shifted(lines, len(inner) - len(pad)), "depth", 0.5)
    yield from _unwrapped(source, statement)


def _unwrapped(source: Source, statement: ast.stmt) -> Iterator[Candidate | None]:
    """The body of an `if` without its condition."""
    if isinstance(statement, ast.If) and not statement.orelse:
        body = source.lines[statement.body[0].lineno - 1 : end_line(statement)]
        shift = len(source.indent(statement.lineno)) - len(source.indent(statement.body[0].lineno))
        if shift < 0:
            lines = _shifted(tuple(body), shift)
            yield source.rewritten(statement.lineno, end_line(statement), lines, "dropped condition", 0.3)


def _inserted(source: Source, statement: ast.stmt) -> Iterator[Candidate | None]:
    """A statement that the function has elsewhere, once more, before this one or after it."""
    if _block_of(source, statement) is None or isinstance(statement, FunctionNode | ast.ClassDef):
        return
    pad = source.indent(statement.lineno)
    is_in_loop = _is_in_loop(source, statement)
    texts = _donors(source, statement)
    if is_in_loop:
        texts += ["break", "continue"]
    for text in texts:
        prior = 0.2 if text not in ("break", "continue") else 0.15
        yield source.rewritten(
            statement.lineno, statement.lineno - 1, (pad + text,), "inserted statement", prior
        )
        if not isinstance(statement, ast.Return | ast.Break | ast.Continue | ast.Raise):
            after = end_line(statement) + 1
            yield source.rewritten(after, after - 1, (pad + text,), "inserted statement", prior)


def _donors(source: Source, statement: ast.stmt) -> list[str]:
    scope = source.scope_of(statement)
    found: list[str] = []
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.Return) and not _is_text(node):
            found.append(ast.unparse(node))
    for name in source.names(statement)[:8]:
        found += [f"{name} += 1", f"{name} -= 1"] if _is_counter(scope, name) else []
    return list(dict.fromkeys(found))[:MAX_DONORS]


def _guarded(source: Source, function: FunctionNode) -> Iterator[Candidate | None]:
    """An early return for an empty or missing parameter."""
    body = function.body[1:] if _is_text(function.body[0]) and len(function.body) > 1 else function.body
    first = body[0].lineno
    pad = source.indent(first)
    if body[0].lineno == function.lineno:
        return
    for name in parameters(function)[:4]:
        if name in ("self", "cls"):
            continue
        for value in GUARDS:
            for test in (f"not {name}",):
                lines = (f"{pad}if {test}:", f"{pad}    return {value}")
                yield source.rewritten(first, first - 1, lines, "missing guard", 0.15)


def _returning(source: Source, function: FunctionNode) -> Iterator[Candidate | None]:
    """A return at the end of a function that has none there."""
    last = function.body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return
    after, pad = end_line(function) + 1, source.indent(function.body[0].lineno)
    own = _assigned(function)
    for name in dict.fromkeys([*own, *parameters(function)]):
        prior = 0.6 if name in own else 0.3
        yield source.rewritten(after, after - 1, (f"{pad}return {name}",), "missing return", prior)
    for value in ("True", "False", "None", "0", "[]", "-1"):
        yield source.rewritten(after, after - 1, (f"{pad}return {value}",), "missing return", 0.2)


def in_place(source: Source, candidate: Candidate) -> Candidate:
    """An insertion at the end of a file as an edit that the `edit` tool takes: FIRST within the file."""
    return replace(candidate, first=min(candidate.first, len(source.lines) + 1))


def _block_of(source: Source, statement: ast.stmt) -> list[ast.stmt] | None:
    parent = source.parents.get(statement)
    for name in ("body", "orelse", "finalbody"):
        block = getattr(parent, name, None)
        if isinstance(block, list) and statement in block:
            is_elif = name == "orelse" and isinstance(parent, ast.If) and isinstance(statement, ast.If)
            is_same_line = is_elif and source.lines[statement.lineno - 1].lstrip().startswith("elif")
            return None if is_same_line else block
    return None


def _conditions_of(source: Source, statement: ast.stmt) -> list[str]:
    found = [
        ast.unparse(node.test)
        for node in ast.walk(source.scope_of(statement))
        if isinstance(node, ast.If | ast.While | ast.IfExp)
    ]
    return list(dict.fromkeys(found))


def _last_line_pad(source: Source, block: ast.stmt) -> str:
    body = getattr(block, "orelse", None) or getattr(block, "body", None) or [block]
    return source.indent(body[-1].lineno)


def _shifted(lines: tuple[str, ...], n_columns: int) -> tuple[str, ...]:
    if n_columns >= 0:
        return tuple(" " * n_columns + line if line.strip() else line for line in lines)
    return tuple(line[-n_columns:] if not line[:-n_columns].strip() else line for line in lines)


def _is_in_loop(source: Source, statement: ast.stmt) -> bool:
    node: ast.AST | None = statement
    while node is not None and not isinstance(node, FunctionNode):
        if isinstance(node, ast.For | ast.While | ast.AsyncFor):
            return True
        node = source.parents.get(node)
    return False


def _is_plain_call(node: ast.expr) -> bool:
    return isinstance(node, ast.Call | ast.BinOp | ast.Name | ast.Compare)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_counter(scope: ast.AST, name: str) -> bool:
    """Whether some statement counts with `name`, or gives it a whole number to begin with."""
    for node in ast.walk(scope):
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
            return True
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            is_ours = any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
            if is_ours and type(node.value.value) is int:
                return True
    return False


def _assigned(function: FunctionNode) -> list[str]:
    names = [
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return list(dict.fromkeys(names))


__all__ = ["in_place", "rewrites", "span"]
