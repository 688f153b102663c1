"""Causes in words: encodings, fixtures and names that do not fit, text that is no Python, values that are no number."""

import ast
import builtins
import re

from agent_runtime.jobs.debugging.causes.scene import Scene, nearest, where
from agent_runtime.jobs.debugging.types import Cause, Frame

FIXTURE = re.compile(r"fixture '(?P<name>[^']+)' not found")
AVAILABLE = re.compile(r"available fixtures: (?P<names>.*)")
NAME = re.compile(r"name '(?P<name>\w+)' is not defined")
LOCAL = re.compile(r"local variable '(?P<name>\w+)'")
ATTRIBUTE = re.compile(r"'(?P<type>\w+)' object has no attribute '(?P<name>\w+)'")
CODEC = re.compile(
    r"'(?P<codec>[\w-]+)' codec can't (?P<what>encode|decode) (?:byte|bytes|character)s? ?(?P<byte>\S*)"
)


def wrong_fixture(scene: Scene) -> Cause | None:
    """A test asks for a fixture that nobody defines."""
    match = FIXTURE.search(scene.raised.message)
    if match is None:
        return None
    name, frame = match["name"], scene.frame or Frame("the test", 0)
    listed = AVAILABLE.search(scene.raised.message)
    defined = {node.name: (file, node.lineno) for file, node in scene.all_functions() if _is_fixture(node)}
    known = [*defined, *(listed["names"].replace(" ", "").split(",") if listed else [])]
    near = nearest(name, known)
    place = f" ({defined[near][0]}:{defined[near][1]})" if near in defined and near is not None else ""
    advice = (
        f"The fixture that is defined is called {near!r}{place}."
        if near
        else (
            "No fixture of a similar name is defined where the test can see it (its file, or a conftest.py above it)."
        )
    )
    text = f"The test at {where(frame)} asks for a fixture {name!r}, which does not exist. {advice}"
    return Cause("wrong fixture", text, frame.file, frame.line, is_certain=near is not None)


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("fixture" in ast.unparse(decorator) for decorator in node.decorator_list)


def wrong_encoding(scene: Scene) -> Cause | None:
    """Bytes read or written in an encoding that they are not in."""
    match = CODEC.search(scene.raised.message)
    if match is None:
        return None
    frame = _opening(scene) or scene.frame or Frame("", 0)
    line = scene.line(frame)
    how = f"`{line}` names no encoding" if "encoding" not in line else f"`{line}` names one that does not fit"
    is_reading = match["what"] == "decode"
    verb = "read" if is_reading else "written"
    what = f"the byte {match['byte']}" if match["byte"] else "its text"
    text = (
        f"A text is {verb} as {match['codec']} and {what} does not fit that encoding. "
        f"The encoding is decided at {where(frame)}: {how}; name the one that the data is in."
    )
    return Cause("encoding", text, frame.file, frame.line, is_certain=True)


def _opening(scene: Scene) -> Frame | None:
    """The call that opened the text: on a frame's line, else the last one before it in its function."""
    for frame in scene.frames:
        source = scene.source(frame.file)
        around = scene.function_around(frame) or (source.tree if source is not None else None)
        lines = [
            node.lineno
            for node in (ast.walk(around) if around is not None else scene.nodes(frame))
            if isinstance(node, ast.Call)
            and (getattr(node.func, "id", "") or getattr(node.func, "attr", ""))
            in ("open", "read_text", "write_text", "decode", "encode", "read_csv")
        ]
        before = [line for line in lines if line <= frame.line]
        if before:
            return Frame(frame.file, max(before)) if source is not None else frame
    return None


def unknown_name(scene: Scene) -> Cause | None:
    """A name or attribute that is not there: misspelt, or not imported."""
    frame = scene.frame
    match = NAME.search(scene.raised.message) or LOCAL.search(scene.raised.message)
    attribute = ATTRIBUTE.search(scene.raised.message)
    if frame is None or (match is None and attribute is None):
        return None
    name = (match or attribute)["name"]  # type: ignore[index]
    near = nearest(name, _names(scene, frame))
    advice = (
        f"The nearest name that exists is {near!r}."
        if near
        else ("Nothing of that name is defined or imported where the line runs.")
    )
    of = f" of a {attribute['type']}" if attribute else ""
    text = f"{where(frame)} (`{scene.line(frame)}`) uses {name!r}{of}, which does not exist. {advice}"
    return Cause("unknown name", text, frame.file, frame.line, is_certain=near is not None)


def _names(scene: Scene, frame: Frame) -> list[str]:
    found = list(dir(builtins))
    for file in scene.files:
        source = scene.source(file)
        for node in ast.walk(source.tree) if source is not None else ():
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.append(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.append(node.attr)
            elif isinstance(node, ast.Name) and file == frame.file and isinstance(node.ctx, ast.Store):
                found.append(node.id)
            elif isinstance(node, ast.arg):
                found.append(node.arg)
    return list(dict.fromkeys(found))


def no_python(scene: Scene) -> Cause | None:
    """Text that the compiler refuses."""
    if scene.raised.kind not in ("SyntaxError", "IndentationError", "TabError"):
        return None
    last = scene.raised.frames[-1] if scene.raised.frames else Frame("", 0)
    frame = scene.frame or last
    text = (
        f"{where(frame)} is no valid Python: {scene.raised.message}. "
        f"The compiler stopped at `{scene.line(frame)}`; the mistake is there or just before it."
    )
    return Cause("syntax", text, frame.file, frame.line, is_certain=True)
