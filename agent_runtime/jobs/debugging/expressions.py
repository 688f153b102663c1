"""Edit operators on expressions: what people get wrong inside a line, undone one place at a time.

The operators are those of mutation testing (Jia & Harman 2011, IEEE TSE 37(5)) and of template-based repair
(TBar, Liu et al. 2019, ISSTA), for Python. Each yields a new expression with the operator's name and its prior:
how often a fault of that kind is made, by judgement; nothing here was fitted to a benchmark.
"""

import ast
import copy
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any

from agent_runtime.jobs.debugging.source import Source

New = tuple[ast.expr | str, str, float]

COMPARISONS: tuple[tuple[type[ast.cmpop], ...], ...] = (
    (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
)
ARITHMETIC: tuple[type[ast.operator], ...] = (
    ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Div, ast.Mod, ast.Pow,
)  # fmt: skip
BITWISE: tuple[type[ast.operator], ...] = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)
KIN = (
    ("min", "max"),
    ("any", "all"),
    ("sum", "len", "max", "min"),
    ("int", "float", "round", "abs", "str"),
    ("list", "set", "tuple", "sorted", "reversed"),
    ("append", "extend", "insert", "add"),
    ("lower", "upper", "swapcase", "title", "capitalize"),
    ("islower", "isupper", "isalpha", "isdigit", "isalnum", "isspace"),
    ("startswith", "endswith"),
    ("strip", "lstrip", "rstrip"),
    ("find", "rfind", "index", "rindex"),
    ("keys", "values", "items"),
    ("floor", "ceil"),
    ("split", "rsplit", "splitlines"),
    ("popleft", "pop"),
    ("remove", "discard"),
    ("union", "intersection", "difference"),
)
WRAPPERS = ("abs", "len", "int", "str", "sorted", "set", "list", "float", "sum", "max", "min", "round")
METHODS = ("lower", "upper", "strip", "copy")


def variants(source: Source, node: ast.expr) -> Iterator[New]:
    """Every new expression that one operator makes of `node`."""
    for operator in _BY_NODE.get(type(node), ()):
        yield from operator(source, node)
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Load) and not _is_callee(source, node):
        yield from _wrapped(source, node)
        if _is_condition(source, node):
            yield from _conditions(source, node)


def _compare(_: Source, node: ast.Compare) -> Iterator[New]:
    for index, operator in enumerate(node.ops):
        for kin in COMPARISONS:
            if isinstance(operator, kin):
                for other in kin:
                    if not isinstance(operator, other):
                        ops = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                        yield ast.Compare(node.left, ops, node.comparators), "comparison", 1.0
    if len(node.ops) == 1:
        right = node.comparators[0]
        yield ast.Compare(right, node.ops, [node.left]), "swapped operands", 0.3
        for step in (1, -1):
            yield ast.Compare(node.left, node.ops, [_plus(right, step)]), "off by one", 0.6
            yield ast.Compare(_plus(node.left, step), node.ops, [right]), "off by one", 0.4


def _binary(_: Source, node: ast.BinOp) -> Iterator[New]:
    for kin in (ARITHMETIC, BITWISE):
        if isinstance(node.op, kin):
            for other in kin:
                if not isinstance(node.op, other):
                    yield ast.BinOp(node.left, other(), node.right), "arithmetic", 0.9
    if not isinstance(node.op, ast.Add | ast.Mult) or isinstance(node.left, ast.Constant):
        yield ast.BinOp(node.right, node.op, node.left), "swapped operands", 0.6
    elif isinstance(node.op, ast.Add):
        yield ast.BinOp(node.right, node.op, node.left), "swapped operands", 0.4
    yield node.left, "dropped operand", 0.5
    yield node.right, "dropped operand", 0.4
    yield from _regrouped(node)


def _regrouped(node: ast.BinOp) -> Iterator[New]:
    """The other way to put the brackets."""
    if isinstance(node.left, ast.BinOp):
        inner = node.left
        right = ast.BinOp(inner.right, node.op, node.right)
        yield ast.BinOp(inner.left, inner.op, right), "brackets", 0.4
    if isinstance(node.right, ast.BinOp):
        inner = node.right
        left = ast.BinOp(node.left, node.op, inner.left)
        yield ast.BinOp(left, inner.op, inner.right), "brackets", 0.4


def _boolean(_: Source, node: ast.BoolOp) -> Iterator[New]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield ast.BoolOp(other, node.values), "boolean operator", 0.9
    for index in range(len(node.values)):
        rest = node.values[:index] + node.values[index + 1 :]
        yield (rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)), "dropped condition", 0.5


def _unary(_: Source, node: ast.UnaryOp) -> Iterator[New]:
    yield node.operand, "dropped sign or not", 0.6


def _constant(source: Source, node: ast.Constant) -> Iterator[New]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value), "boolean", 0.7
    elif isinstance(value, int | float):
        for other in dict.fromkeys((value + 1, value - 1, 0, 1, 2, -1, value * 10, value / 2)):
            is_whole = isinstance(value, int) and other == int(other)
            yield (
                ast.Constant(int(other) if is_whole else other),
                "number",
                0.6 if abs(other - value) <= 1 else 0.3,
            )
    elif isinstance(value, str):
        yield from _strings(value)
    elif value is None:
        for text in ("0", "[]", "''", "{}", "False", "True"):
            yield text, "value for None", 0.2
    for other in _constants_near(source, node):
        yield ast.Constant(other), "constant of the function", 0.4


def _strings(value: str) -> Iterator[New]:
    for other in (value.lower(), value.upper(), value.strip(), value + " ", " " + value, "", " ", "0", "1"):
        if other != value:
            yield ast.Constant(other), "text", 0.3
    for index in range(min(len(value), 64)):
        if len(value) > 1:
            yield ast.Constant(value[:index] + value[index + 1 :]), "text", 0.15


def _constants_near(source: Source, node: ast.Constant) -> list[Any]:
    """Constants of the same type elsewhere in the function, nearest types alone."""
    found = [
        other.value
        for other in ast.walk(source.scope_of(node))
        if isinstance(other, ast.Constant) and type(other.value) is type(node.value)
    ]
    return [value for value in dict.fromkeys(found) if value != node.value][:12]


def _name(source: Source, node: ast.Name) -> Iterator[New]:
    if isinstance(node.ctx, ast.Load) and not _is_callee(source, node):
        for name in source.names(node)[:16]:
            if name != node.id:
                yield ast.Name(name, ast.Load()), "variable", 0.7


def _call(source: Source, node: ast.Call) -> Iterator[New]:
    yield from _calls_of_kin(node)
    yield from _arguments(node)
    if len(node.args) == 1 and not node.keywords:
        yield node.args[0], "dropped call", 0.4
    if isinstance(node.func, ast.Attribute):
        yield node.func.value, "dropped call", 0.4
    if _called(node) == "range":
        yield from _ranges(node)
    if _called(node) in ("sorted", "sort", "min", "max"):
        yield from _orders(source, node)


def _calls_of_kin(node: ast.Call) -> Iterator[New]:
    name = _called(node)
    for kin in KIN:
        for other in kin if name in kin else ():
            if other != name:
                func: ast.expr = ast.Name(other, ast.Load())
                if isinstance(node.func, ast.Attribute):
                    func = ast.Attribute(node.func.value, other, ast.Load())
                yield ast.Call(func, node.args, node.keywords), "function", 0.7


def _arguments(node: ast.Call) -> Iterator[New]:
    if 2 <= len(node.args) <= 3:
        for order in permutations(node.args):
            if list(order) != node.args:
                yield ast.Call(node.func, list(order), node.keywords), "swapped arguments", 0.6
    for index in range(len(node.args)):
        rest = node.args[:index] + node.args[index + 1 :]
        yield ast.Call(node.func, rest, node.keywords), "dropped argument", 0.3
    for index in range(len(node.keywords)):
        keywords = node.keywords[:index] + node.keywords[index + 1 :]
        yield ast.Call(node.func, node.args, keywords), "dropped argument", 0.3


def _ranges(node: ast.Call) -> Iterator[New]:
    for index, argument in enumerate(node.args):
        for step in (1, -1):
            args = [*node.args[:index], _plus(argument, step), *node.args[index + 1 :]]
            yield ast.Call(node.func, args, []), "off by one", 0.9
    if len(node.args) == 1:
        for start in (1, 2):
            yield ast.Call(node.func, [ast.Constant(start), node.args[0]], []), "range start", 0.6
        both = [ast.Constant(1), _plus(node.args[0], 1)]
        yield ast.Call(node.func, both, []), "range start", 0.5
        back = [_plus(node.args[0], -1), ast.Constant(-1), ast.Constant(-1)]
        yield ast.Call(node.func, back, []), "range order", 0.3
    elif len(node.args) == 2:
        for size in (2, -1):
            yield ast.Call(node.func, [*node.args, ast.Constant(size)], []), "range step", 0.3


def _orders(source: Source, node: ast.Call) -> Iterator[New]:
    rest = [keyword for keyword in node.keywords if keyword.arg != "reverse"]
    if len(rest) == len(node.keywords) and _called(node) in ("sorted", "sort"):
        reverse = ast.keyword("reverse", ast.Constant(True))
        yield ast.Call(node.func, node.args, [*rest, reverse]), "sort order", 0.5
    if not any(keyword.arg == "key" for keyword in node.keywords):
        known = [name.name for name in source.tree.body if isinstance(name, ast.FunctionDef)][:4]
        for key in ("len", "abs", "str", *known):
            keyword = ast.keyword("key", ast.Name(key, ast.Load()))
            yield ast.Call(node.func, node.args, [keyword, *node.keywords]), "sort key", 0.3


def _subscript(_: Source, node: ast.Subscript) -> Iterator[New]:
    if isinstance(node.slice, ast.Slice):
        yield from _slices(node, node.slice)
    elif not isinstance(node.slice, ast.Constant) or isinstance(node.slice.value, int):
        for step in (1, -1):
            yield ast.Subscript(node.value, _plus(node.slice, step), node.ctx), "off by one", 0.8
        for index in (0, -1):
            yield ast.Subscript(node.value, ast.Constant(index), node.ctx), "index", 0.4
    if isinstance(node.ctx, ast.Load):
        yield node.value, "dropped index", 0.3


def _slices(node: ast.Subscript, part: ast.Slice) -> Iterator[New]:
    def sliced(lower: ast.expr | None, upper: ast.expr | None, step: ast.expr | None) -> ast.expr:
        return ast.Subscript(node.value, ast.Slice(lower, upper, step), node.ctx)

    for size in (1, -1):
        lower = ast.Constant(size) if part.lower is None else _plus(part.lower, size)
        upper = ast.Constant(size) if part.upper is None else _plus(part.upper, size)
        yield sliced(lower, part.upper, part.step), "off by one", 0.7
        yield sliced(part.lower, upper, part.step), "off by one", 0.7
    if part.lower is not None:
        yield sliced(None, part.lower, part.step), "slice side", 0.5
        yield sliced(None, part.upper, part.step), "slice bound", 0.4
    if part.upper is not None:
        yield sliced(part.upper, None, part.step), "slice side", 0.5
        yield sliced(part.lower, None, part.step), "slice bound", 0.4
    for step in (None, ast.Constant(-1), ast.Constant(2)):
        if ast.dump(part) != ast.dump(ast.Slice(part.lower, part.upper, step)):
            yield sliced(part.lower, part.upper, step), "slice step", 0.3


def _conditional(_: Source, node: ast.IfExp) -> Iterator[New]:
    yield ast.IfExp(node.test, node.orelse, node.body), "swapped branches", 0.7
    yield node.body, "dropped condition", 0.3
    yield node.orelse, "dropped condition", 0.3


def _comprehension(_: Source, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Iterator[New]:
    for index, loop in enumerate(node.generators):
        for number in range(len(loop.ifs)):
            changed = copy.deepcopy(node)
            del changed.generators[index].ifs[number]
            yield changed, "dropped condition", 0.5
    if isinstance(node, ast.ListComp):
        yield ast.Call(ast.Name("sorted", ast.Load()), [node], []), "missing call", 0.2


def _wrapped(source: Source, node: ast.expr) -> Iterator[New]:
    """What may be missing around an expression: a call, a sign, a step."""
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.FormattedValue | ast.Starred | ast.Slice):
        return
    for name in WRAPPERS:
        yield ast.Call(ast.Name(name, ast.Load()), [node], []), "missing call", 0.25
    for method in METHODS:
        yield ast.Call(ast.Attribute(node, method, ast.Load()), [], []), "missing call", 0.2
    if not _is_condition(source, node):
        for step in (1, -1):
            yield _plus(node, step), "off by one", 0.35
        yield ast.UnaryOp(ast.USub(), node), "missing sign", 0.2
        back = ast.Slice(None, None, ast.UnaryOp(ast.USub(), ast.Constant(1)))
        yield ast.Subscript(node, back, ast.Load()), "missing reversal", 0.25


def _conditions(source: Source, node: ast.expr) -> Iterator[New]:
    """What may be missing in a condition: a not, or a second condition that the function knows already."""
    yield ast.UnaryOp(ast.Not(), node), "missing not", 0.6
    scope = source.scope_of(node)
    others: dict[str, ast.expr] = {}
    for other in ast.walk(scope):
        if isinstance(other, ast.If | ast.While | ast.IfExp):
            others.setdefault(ast.unparse(other.test), other.test)
    for name in source.names(node)[:8]:
        others.setdefault(name, ast.Name(name, ast.Load()))
    others.pop(ast.unparse(node), None)
    for other in list(others.values())[:16]:
        for operator in (ast.And(), ast.Or()):
            yield ast.BoolOp(operator, [node, other]), "missing condition", 0.25


def _is_condition(source: Source, node: ast.expr) -> bool:
    parent = source.parents.get(node)
    return isinstance(parent, ast.If | ast.While | ast.IfExp) and parent.test is node


def _is_callee(source: Source, node: ast.expr) -> bool:
    parent = source.parents.get(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _called(node: ast.Call) -> str:
    """The name of what a call calls; a method's own name."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _plus(node: ast.expr, step: int) -> ast.expr:
    """`node` and `step`, worked out where that is a number, or undone where the opposite stands there."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return ast.Constant(node.value + step)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        size = node.right.value if isinstance(node.right, ast.Constant) else None
        if type(size) is int:
            total = (size if isinstance(node.op, ast.Add) else -size) + step
            return node.left if total == 0 else _plus(node.left, total)
    operator = ast.Add() if step > 0 else ast.Sub()
    return ast.BinOp(node, operator, ast.Constant(abs(step)))


_BY_NODE: dict[type[ast.expr], tuple[Callable[[Source, ast.expr], Iterator[New]], ...]] = {
    ast.Compare: (_compare,),  # type: ignore[dict-item]
    ast.BinOp: (_binary,),  # type: ignore[dict-item]
    ast.BoolOp: (_boolean,),  # type: ignore[dict-item]
    ast.UnaryOp: (_unary,),  # type: ignore[dict-item]
    ast.Constant: (_constant,),  # type: ignore[dict-item]
    ast.Name: (_name,),  # type: ignore[dict-item]
    ast.Call: (_call,),  # type: ignore[dict-item]
    ast.Subscript: (_subscript,),  # type: ignore[dict-item]
    ast.IfExp: (_conditional,),  # type: ignore[dict-item]
    ast.ListComp: (_comprehension,),  # type: ignore[dict-item]
    ast.SetComp: (_comprehension,),  # type: ignore[dict-item]
    ast.GeneratorExp: (_comprehension,),  # type: ignore[dict-item]
}
