"""Candidate edits that the kind of failure itself suggests: the first to be tried, where there are any."""

import ast
import re
from collections.abc import Callable, Iterator, Mapping

from agent_runtime.jobs.debugging.causes.scene import Scene, nearest
from agent_runtime.jobs.debugging.localise import own_frames
from agent_runtime.jobs.debugging.source import FunctionNode, Source, parameters
from agent_runtime.jobs.debugging.types import Candidate, Cause, Failure

SURE, LIKELY, POSSIBLE = 2.0, 1.5, 1.1  # all before the operators, whose priors end at 1
ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16")


def hints(failure: Failure, cause: Cause, files: Mapping[str, str]) -> list[Candidate]:
    """Edits for this kind of cause, at its line and at the frames."""
    rule = _RULES.get(cause.kind)
    if rule is None:
        return []
    places = [(cause.file, cause.line), *((frame.file, frame.line) for frame in own_frames(failure, files))]
    scene = Scene(failure, files)
    found: list[Candidate] = []
    for file, line in dict.fromkeys(places[:6]):
        source = scene.source(file)
        if source is not None:
            found += [candidate for candidate in rule(source, line, scene) if candidate is not None]
    return found


def _keys(source: Source, line: int, scene: Scene) -> Iterator[Candidate | None]:
    """The key as it is spelt elsewhere; a default where it may be missing."""
    key = scene.raised.message.strip().strip("'\"")
    for node in source.expressions(line):
        if isinstance(node, ast.Constant) and node.value == key:
            near = nearest(key, _texts(scene))
            if near is not None:
                yield source.replaced(node, ast.Constant(near), "wrong key", SURE)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            for default in ("", ", 0", ", ''", ", []", ", {}"):
                text = f"{ast.unparse(node.value)}.get({ast.unparse(node.slice)}{default})"
                yield source.replaced(node, text, "default for a missing key", POSSIBLE)


def _names(source: Source, line: int, scene: Scene) -> Iterator[Candidate | None]:
    """The nearest name that exists."""
    match = re.search(r"name '(\w+)'|attribute '(\w+)'|variable '(\w+)'", scene.raised.message)
    missing = next((name for name in match.groups() if name), "") if match else ""
    known = [node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name)]
    known += [node.attr for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)]
    known += [node.name for _, node in scene.all_functions()]
    known += [name for _, node in scene.all_functions() for name in parameters(node)]
    near = nearest(missing, list(dict.fromkeys(known)))
    for node in source.expressions(line) if near else ():
        if isinstance(node, ast.Name) and node.id == missing:
            yield source.replaced(node, str(near), "misspelt name", SURE)
        elif isinstance(node, ast.Attribute) and node.attr == missing:
            yield source.replaced(node, f"{ast.unparse(node.value)}.{near}", "misspelt name", SURE)


def _awaits(source: Source, line: int, _: Scene) -> Iterator[Candidate | None]:
    """`await` before a call, `asyncio.run` where nothing can await."""
    for node in source.expressions(line):
        if isinstance(node, ast.Call):
            if isinstance(source.function_of(node), ast.AsyncFunctionDef):
                yield source.replaced(node, ast.Await(node), "missing await", SURE)
            else:
                yield source.replaced(node, f"asyncio.run({ast.unparse(node)})", "missing event loop", LIKELY)


def _encodings(source: Source, line: int, _: Scene) -> Iterator[Candidate | None]:
    """An encoding for what opens or converts a text."""
    for node in source.expressions(line):
        name = (
            getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            if isinstance(node, ast.Call)
            else ""
        )
        if isinstance(node, ast.Call) and name in ("open", "read_text", "write_text", "decode", "encode"):
            rest = [keyword for keyword in node.keywords if keyword.arg != "encoding"]
            args = node.args[:1] if name in ("read_text", "decode", "encode") else node.args
            args = [] if name in ("read_text", "decode", "encode") else args
            for rank, encoding in enumerate(ENCODINGS):
                keyword = ast.keyword("encoding", ast.Constant(encoding))
                call = ast.Call(node.func, args, [*rest, keyword])
                yield source.replaced(node, call, "encoding", SURE - rank / 10)


def _imports(source: Source, line: int, _: Scene) -> Iterator[Candidate | None]:
    """An import at the top of a file, moved into the functions that use its names."""
    for statement in source.statements(line):
        if not isinstance(statement, ast.Import | ast.ImportFrom) or statement not in source.tree.body:
            continue
        names = {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
        users = [
            node
            for node in ast.walk(source.tree)
            if isinstance(node, FunctionNode)
            and any(isinstance(inner, ast.Name) and inner.id in names for inner in ast.walk(node))
        ]
        if not users:
            continue
        last = max(node.body[0].lineno for node in users)
        lines = source.lines[line:last]
        shown = ast.unparse(statement)
        for node in sorted(users, key=lambda one: -one.body[0].lineno):
            at = node.body[0].lineno
            lines.insert(at - line - 1, f"{source.indent(at)}{shown}")
        yield source.rewritten(line, last, tuple(lines), "deferred import", SURE)


def _recursion(source: Source, line: int, _: Scene) -> Iterator[Candidate | None]:
    """A base case at the head of a function; a smaller argument in the call."""
    function = next((node for node in ast.walk(source.tree) if _is_around(node, line)), None)
    if not isinstance(function, FunctionNode):
        return
    first = function.body[0].lineno
    pad = source.indent(first)
    for name in [name for name in parameters(function) if name not in ("self", "cls")][:3]:
        for test in (f"{name} <= 0", f"{name} <= 1", f"not {name}"):
            for value in ("0", "1", name, "None", "[]", "''", "True", "False"):
                lines = (f"{pad}if {test}:", f"{pad}    return {value}")
                yield source.rewritten(first, first - 1, lines, "missing base case", POSSIBLE)


def _none(source: Source, line: int, _: Scene) -> Iterator[Candidate | None]:
    """The result of a call that changes its object in place, no longer taken for a value."""
    for statement in source.statements(line):
        if isinstance(statement, ast.Assign | ast.Return) and isinstance(statement.value, ast.Call):
            call = statement.value
            if isinstance(call.func, ast.Attribute) and call.func.attr in (
                "sort",
                "append",
                "extend",
                "reverse",
            ):
                shown = f"{source.indent(line)}{ast.unparse(call)}"
                target = ast.unparse(call.func.value)
                name = (
                    f"{ast.unparse(statement.targets[0])} = "
                    if isinstance(statement, ast.Assign)
                    else "return "
                )
                yield source.rewritten(
                    line, statement.end_lineno or line, (shown,), "result in place", LIKELY
                )
                both = (shown, f"{source.indent(line)}{name}{target}")
                yield source.rewritten(line, statement.end_lineno or line, both, "result in place", SURE)


def _is_around(node: ast.AST, line: int) -> bool:
    return isinstance(node, FunctionNode) and node.lineno <= line <= (node.end_lineno or 0)


def _texts(scene: Scene) -> list[str]:
    found: list[str] = []
    for file in scene.files:
        source = scene.source(file)
        found += [
            node.value
            for node in (ast.walk(source.tree) if source is not None else ())
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
    return list(dict.fromkeys(found))


_RULES: dict[str, Callable[[Source, int, Scene], Iterator[Candidate | None]]] = {
    "wrong key": _keys,
    "missing key": _keys,
    "unknown name": _names,
    "never awaited": _awaits,
    "encoding": _encodings,
    "import cycle": _imports,
    "endless recursion": _recursion,
    "None value": _none,
}
