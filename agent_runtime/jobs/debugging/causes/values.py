"""Causes in values: None where an object was meant, an index or key that is not there, a type that does not fit."""

import ast
import re

from agent_runtime.jobs.debugging.causes.scene import Scene, nearest, where
from agent_runtime.jobs.debugging.source import FunctionNode
from agent_runtime.jobs.debugging.types import Cause, Frame

MAY_BE_NONE = ("get", "match", "search", "fullmatch", "find", "which", "getenv", "pop", "first", "find_one")
RETURNS_NONE = (
    "sort",
    "append",
    "extend",
    "reverse",
    "update",
    "add",
    "insert",
    "remove",
    "clear",
    "shuffle",
)
TEXT_SOURCES = (
    "input",
    "read",
    "readline",
    "split",
    "getenv",
    "get",
    "strip",
    "group",
    "DictReader",
    "reader",
)


def none_value(scene: Scene) -> Cause | None:
    """None where an object was meant: where it came from."""
    frame = scene.frame
    if "NoneType" not in scene.raised.message or frame is None:
        return None
    attribute = re.search(r"has no attribute '(\w+)'", scene.raised.message)
    for subject in _subjects(scene, frame, attribute[1] if attribute else ""):
        found = _origin(scene, frame, subject)
        if found is not None:
            place, how = found
            text = (
                f"{ast.unparse(subject)!r} is None at {where(frame)}, where an object is needed. "
                f"It comes from {where(place)}: {how}."
            )
            return Cause("None value", text, place.file, place.line, is_certain=True)
    shown = f"A value is None at {where(frame)} (`{scene.line(frame)}`), where an object is needed."
    text = f"{shown} Nothing shows where from."
    return Cause("None value", text, frame.file, frame.line)


def _subjects(scene: Scene, frame: Frame, attribute: str) -> list[ast.expr]:
    """The expressions of a line that may be the None in question."""
    found: list[ast.expr] = []
    for node in scene.nodes(frame):
        if isinstance(node, ast.Attribute) and node.attr == (attribute or node.attr):
            found.append(node.value)
        elif not attribute:
            found += _used(node)
    return found


def _used(node: ast.AST) -> list[ast.expr]:
    """What a node subscripts, loops over, calculates with or unpacks."""
    if isinstance(node, ast.Subscript):
        return [node.value]
    if isinstance(node, ast.For | ast.comprehension):
        return [node.iter]
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    is_unpacked = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)
    return [node.value] if is_unpacked and isinstance(node, ast.Assign) else []


def _origin(scene: Scene, frame: Frame, subject: ast.expr) -> tuple[Frame, str] | None:
    """Where a None came from: a call that gives it, an assignment, or the caller's argument."""
    if isinstance(subject, ast.Call):
        return _from_call(scene, frame, subject)
    if isinstance(subject, ast.Await):
        return _origin(scene, frame, subject.value)
    if isinstance(subject, ast.Name):
        return _from_name(scene, frame, subject.id)
    if isinstance(subject, ast.Attribute):
        return _from_attribute(scene, frame, subject.attr)
    return None


def _from_call(scene: Scene, frame: Frame, call: ast.Call) -> tuple[Frame, str] | None:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    for file, function in scene.functions(name):
        return Frame(file, _gap(function)), f"{name}() {_ending(function)}"
    if name in RETURNS_NONE:
        return frame, f"{name}() changes its object in place and returns None"
    if name in MAY_BE_NONE:
        return frame, f"{name}() gives None where it finds nothing"
    return None


def _ending(function: FunctionNode) -> str:
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    if not any(node.value is not None for node in returns):
        return "never returns a value: a return is missing"
    explicit = [node for node in returns if _is_none(node.value)]
    return "returns None on one of its ways" if explicit else "can end without a return on one of its ways"


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _gap(function: FunctionNode) -> int:
    """The line where a function gives None: its return of None, else where it begins."""
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and _is_none(node.value):
            return node.lineno
    return function.lineno


def _from_name(scene: Scene, frame: Frame, name: str) -> tuple[Frame, str] | None:
    source, function = scene.source(frame.file), scene.function_around(frame)
    if source is None:
        return None
    assigned = [
        node
        for node in ast.walk(function or source.tree)
        if isinstance(node, ast.Assign)
        and node.lineno <= frame.line
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    if assigned:
        last = max(assigned, key=lambda node: node.lineno)
        at = Frame(frame.file, last.lineno)
        if isinstance(last.value, ast.Constant) and last.value.value is None:
            return at, "it is set to None there and to nothing else before it is used"
        return _origin(scene, at, last.value)
    outer = scene.frames[scene.frames.index(frame) + 1 :] if frame in scene.frames else []
    if function is not None and outer:
        return _from_argument(scene, outer[0], function, name)
    return None


def _from_argument(
    scene: Scene, caller: Frame, function: FunctionNode, name: str
) -> tuple[Frame, str] | None:
    names = [argument.arg for argument in function.args.args if argument.arg not in ("self", "cls")]
    for node in scene.nodes(caller):
        if isinstance(node, ast.Call) and name in names:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            at = names.index(name)
            if called == function.name and at < len(node.args):
                given = node.args[at]
                if isinstance(given, ast.Constant) and given.value is None:
                    return caller, f"the call gives None for {name!r}"
                return _origin(scene, caller, given)
    return None


def _from_attribute(scene: Scene, frame: Frame, name: str) -> tuple[Frame, str] | None:
    for file in scene.files:
        source = scene.source(file)
        for node in ast.walk(source.tree) if source is not None else ():
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and node.value.value is None
            ):
                for target in node.targets:
                    if isinstance(target, ast.Attribute) and target.attr == name:
                        return Frame(
                            file, node.lineno
                        ), f"{name!r} begins as None and is used before it is set"
    return None


def index_out_of_range(scene: Scene) -> Cause | None:
    """An index past the end: an off-by-one, or an empty sequence."""
    frame = scene.frame
    if scene.raised.kind != "IndexError" or frame is None:
        return None
    step = _step_too_far(scene, frame)
    if step is not None:
        at, what = step
        text = (
            f"{what} goes one past the last index at {where(at)}. "
            f"The access at {where(frame)} (`{scene.line(frame)}`) is then out of range: an off-by-one."
        )
        return Cause("off by one", text, at.file, at.line, is_certain=True)
    text = (
        f"{where(frame)} (`{scene.line(frame)}`) takes an item that is not there. "
        "The sequence is shorter there than the code assumes; it may be empty."
    )
    return Cause("index out of range", text, frame.file, frame.line)


def _step_too_far(scene: Scene, frame: Frame) -> tuple[Frame, str] | None:
    """A range up to len + 1, a range from 1 to len + 1 used as index, or an index + 1."""
    source = scene.source(frame.file)
    around = scene.function_around(frame) or (source.tree if source is not None else None)
    for node in ast.walk(around) if around is not None else ():
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
            stop = ast.unparse(node.args[1] if len(node.args) > 1 else node.args[0])
            if re.search(r"len\(.*\) \+ 1$", stop) or (len(node.args) > 1 and "+ 1" in stop):
                return Frame(frame.file, node.lineno), f"`{ast.unparse(node)}`"
        if isinstance(node, ast.While) and re.search(r"<= len\(", ast.unparse(node.test)):
            return Frame(frame.file, node.lineno), f"`while {ast.unparse(node.test)}`"
    for node in scene.nodes(frame):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.BinOp | ast.Call):
            text = ast.unparse(node.slice)
            if "+ 1" in text or re.fullmatch(r"len\(.*\)", text):
                return frame, f"The index `{text}`"
    return None


def missing_key(scene: Scene) -> Cause | None:
    """A key that a mapping does not have: misspelt, or not always there."""
    frame = scene.frame
    if scene.raised.kind != "KeyError" or frame is None:
        return None
    key = scene.raised.message.strip()
    near = nearest(key.strip("'\""), _texts(scene)) if key[:1] in "'\"" else None
    if near is not None:
        text = (
            f"{where(frame)} asks for the key {key}, which the mapping does not have. "
            f"The key is spelt {near!r} elsewhere in the program's own files."
        )
        return Cause("wrong key", text, frame.file, frame.line, is_certain=True)
    text = (
        f"{where(frame)} (`{scene.line(frame)}`) asks for the key {key}, which the mapping does not have. "
        "The code takes for granted that it is there: check for it, or give a default."
    )
    return Cause("missing key", text, frame.file, frame.line)


def _texts(scene: Scene) -> list[str]:
    found: list[str] = []
    for file, text in scene.files.items():
        source = scene.source(file)
        if source is not None:
            found += [
                node.value
                for node in ast.walk(source.tree)
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80
            ]
        elif file.endswith((".json", ".csv", ".toml", ".yaml", ".yml")):
            found += re.findall(r"[\w-]{2,40}", text[:20_000])
    return list(dict.fromkeys(found))


def wrong_type(scene: Scene) -> Cause | None:
    """A value of another type than the line needs: text for a number, too few arguments."""
    frame, message = scene.frame, scene.raised.message
    if scene.raised.kind != "TypeError" or frame is None:
        return None
    called = re.search(r"(\w+)\(\) (missing|takes|got)", message)
    if called is not None:
        return _wrong_call(scene, frame, called[1])
    origin = _text_origin(scene, frame) if "str" in message else None
    if origin is not None:
        text = (
            f"{where(frame)} (`{scene.line(frame)}`) needs a number and gets text: {message}. "
            f"The text comes from {where(origin)} (`{scene.line(origin)}`) and is never converted."
        )
        return Cause("wrong type", text, origin.file, origin.line, is_certain=True)
    text = f"{where(frame)} (`{scene.line(frame)}`) puts values together that do not fit. Python says: {message}."
    return Cause("wrong type", text, frame.file, frame.line)


def _wrong_call(scene: Scene, frame: Frame, name: str) -> Cause:
    defined = scene.functions(name)
    at = f"{defined[0][0]}:{defined[0][1].lineno}" if defined else "elsewhere"
    signature = f"{name}({ast.unparse(defined[0][1].args)})" if defined else f"{name}()"
    text = (
        f"The call at {where(frame)} (`{scene.line(frame)}`) does not fit what it calls: {scene.raised.message}. "
        f"{signature} is defined at {at}."
    )
    return Cause("wrong arguments", text, frame.file, frame.line, is_certain=bool(defined))


def _text_origin(scene: Scene, frame: Frame) -> Frame | None:
    """Where the names of a line were read as text."""
    names = {node.id for node in scene.nodes(frame) if isinstance(node, ast.Name)}
    source = scene.source(frame.file)
    around = scene.function_around(frame) or (source.tree if source is not None else None)
    for node in ast.walk(around) if around is not None else ():
        if isinstance(node, ast.Assign) and node.lineno <= frame.line:
            targets = {
                inner.id
                for target in node.targets
                for inner in ast.walk(target)
                if isinstance(inner, ast.Name)
            }
            calls = [inner for inner in ast.walk(node.value) if isinstance(inner, ast.Call)]
            called = {
                inner.func.attr if isinstance(inner.func, ast.Attribute) else getattr(inner.func, "id", "")
                for inner in calls
            }
            is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
            if targets & names and (is_text or called & set(TEXT_SOURCES)):
                return Frame(frame.file, node.lineno)
    return None
