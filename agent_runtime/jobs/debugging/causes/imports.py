"""Causes outside of a line: modules that import each other, and libraries of another version than was meant."""

import ast
import re
from pathlib import PurePath

from agent_runtime.jobs.debugging.causes.scene import Scene, nearest, where
from agent_runtime.jobs.debugging.types import Cause, Frame

PARTIAL = re.compile(
    r"(?:cannot import name '(?P<name>[^']+)' from )?partially initialized module '(?P<module>[^']+)'"
    r"(?: has no attribute '(?P<attribute>[^']+)')?"
)
NO_NAME = re.compile(
    r"cannot import name '(?P<name>[^']+)' from '(?P<module>[^']+)'(?: \((?P<path>[^)]*)\))?"
)
NO_ATTRIBUTE = re.compile(r"module '(?P<module>[^']+)' has no attribute '(?P<name>[^']+)'")
NO_MODULE = re.compile(r"No module named '(?P<module>[^']+)'")
UNEXPECTED = re.compile(r"(?P<name>[\w.]+)\(\) got an unexpected keyword argument '(?P<argument>[^']+)'")
PINS = ("requirements.txt", "pyproject.toml", "setup.cfg", "constraints.txt")


def import_cycle(scene: Scene) -> Cause | None:
    """Two modules need each other while they are being loaded."""
    match = PARTIAL.search(scene.raised.message)
    if match is None:
        return None
    module, name = match["module"], match["name"] or match["attribute"] or "a name"
    frame = scene.frame or Frame("", 0)
    cycle = _cycle(scene, frame.file) or [module, PurePath(frame.file).stem]
    text = (
        f"The modules {' -> '.join([*cycle, cycle[0]])} import each other while they load. "
        f"{where(frame)} needs {name!r} of {module} before {module} has got as far as defining it; "
        "import it inside the function that uses it, or move what both need into a third module."
    )
    return Cause("import cycle", text, frame.file, frame.line, is_certain=True)


def _cycle(scene: Scene, start: str) -> list[str]:
    """The shortest way along top-level imports from a file back to itself, as module names."""
    by_module = {name[:-3].replace("/", ".").removesuffix(".__init__"): name for name in scene.files}
    queue: list[list[str]] = [[name for name, file in by_module.items() if file == start][:1]]
    seen: set[str] = set()
    while queue and queue[0]:
        path = queue.pop(0)
        for target in imported(scene, by_module[path[-1]], by_module):
            if target == path[0]:
                return path
            if target not in seen:
                seen.add(target)
                queue.append([*path, target])
    return []


def imported(scene: Scene, file: str, known: dict[str, str]) -> list[str]:
    """The program's own modules that a file imports when it is loaded."""
    source = scene.source(file)
    names: list[str] = []
    for node in source.tree.body if source is not None else ():
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ".".join(PurePath(file).parent.parts) if node.level else ""
            base = ".".join(part for part in (package, node.module or "") if part)
            names += [base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)]
    return [name for name in dict.fromkeys(names) if name in known]


def dependency_version(scene: Scene) -> Cause | None:
    """A library does not have what the program uses: it was written for another version."""
    raised, frame = scene.raised, scene.frame or Frame("", 0)
    library, missing = "", ""
    for pattern in (NO_NAME, NO_ATTRIBUTE):
        if (match := pattern.search(raised.message)) is not None:
            library, missing = match["module"].partition(".")[0], match["name"]
    unexpected = UNEXPECTED.search(raised.message)
    if not library and unexpected is not None and (library := _library_called(scene, unexpected["name"])):
        missing = f"{unexpected['name']}({unexpected['argument']}=...)"
    if not library or _is_own(scene, library):
        return None
    pinned = _pin(scene, library)
    text = (
        f"The installed version of {library} has no {missing}, which {where(frame)} uses. "
        f"The program was written for another version of {library}"
        f"{f' ({pinned})' if pinned else ''}: install that one, or use what has taken the place of {missing}."
    )
    return Cause("dependency version", text, frame.file, frame.line, is_certain=not pinned)


def missing_module(scene: Scene) -> Cause | None:
    """A module that is not there, or whose name is misspelt."""
    match = NO_MODULE.search(scene.raised.message)
    if match is None:
        return None
    frame = scene.frame or Frame("", 0)
    own = [PurePath(name).stem for name in scene.files]
    near = nearest(match["module"], own)
    advice = (
        f"The program has a module {near!r}, which is what is meant."
        if near
        else (
            "Neither the program nor its environment has it: install it, or name the environment that has it."
        )
    )
    return Cause(
        "missing module", f"{where(frame)} imports {match['module']!r}, which is not there. {advice}",
        frame.file, frame.line, is_certain=near is None,
    )  # fmt: skip


def _library_called(scene: Scene, function: str) -> str:
    """The library whose function a line calls: by the imports of the file, when no function of ours has the name."""
    frame = scene.frame
    if frame is None or scene.functions(function.rpartition(".")[2]):
        return ""
    source = scene.source(frame.file)
    library = next(
        (
            found.group(1)
            for outer in reversed(scene.raised.frames)
            if (found := re.search(r"(?:site|dist)-packages/(\w+)", outer.file))
        ),
        "",
    )
    for node in ast.walk(source.tree) if source is not None else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and not node.level and function.partition(".")[0] in names:
            return (node.module or "").partition(".")[0]
    called = [node for node in scene.nodes(frame) if isinstance(node, ast.Call)]
    for node in called:
        root = node.func
        while isinstance(root, ast.Attribute):
            root = root.value
        is_called = isinstance(node.func, ast.Attribute) and node.func.attr == function.rpartition(".")[2]
        if is_called and isinstance(root, ast.Name) and _is_imported(source, root.id):
            return root.id
    return library


def _is_imported(source: object, name: str) -> bool:
    tree = getattr(source, "tree", None)
    return tree is None or any(
        (alias.asname or alias.name).partition(".")[0] == name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    )


def _is_own(scene: Scene, module: str) -> bool:
    return any(PurePath(name).parts[0] in (module, f"{module}.py") for name in scene.files)


def _pin(scene: Scene, library: str) -> str:
    """The line of the program's own requirements that names a library."""
    for name, text in scene.files.items():
        if PurePath(name).name in PINS:
            for line in text.split("\n")[:500]:
                if re.match(rf"[\s\"']*{re.escape(library)}\s*[\[<>=!~]", line, re.IGNORECASE):
                    return f"{name} says {line.strip()[:80]}"
    return ""
