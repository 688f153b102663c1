"""What a rule looks at: the exception, the program's own frames, its files as syntax trees."""

import ast
import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from agent_runtime.jobs.debugging.localise import own_frames
from agent_runtime.jobs.debugging.source import FunctionNode, Source
from agent_runtime.jobs.debugging.types import Failure, Frame, Raised

FunctionAt = tuple[str, FunctionNode]


@dataclass(slots=True)
class Scene:
    """One failure over one program; `files` may be empty where only a traceback was given."""

    failure: Failure
    files: Mapping[str, str]
    frames: list[Frame] = field(init=False)
    _sources: dict[str, Source | None] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self.frames = own_frames(self.failure, self.files) if self.files else _likely_own(self.failure)

    @property
    def raised(self) -> Raised:
        """The exception to explain."""
        return self.failure.root

    @property
    def frame(self) -> Frame | None:
        """The innermost frame of the program's own."""
        return self.frames[0] if self.frames else None

    def source(self, file: str) -> Source | None:
        """A file's tree; None where it is no Python or is not there."""
        if file not in self._sources:
            try:
                self._sources[file] = Source(file, self.files[file])
            except (KeyError, SyntaxError, ValueError, RecursionError):
                self._sources[file] = None
        return self._sources[file]

    def line(self, frame: Frame) -> str:
        """The source line of a frame."""
        if frame.file in self.files:
            lines = self.files[frame.file].split("\n")
            return lines[frame.line - 1].strip() if frame.line <= len(lines) else ""
        return frame.source

    def nodes(self, frame: Frame) -> Iterator[ast.AST]:
        """The tree nodes of the statement at a frame; of the shown line where the file is not there."""
        source = self.source(frame.file)
        if source is None:
            yield from _of_line(frame.source)
            return
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.expr | ast.stmt):
                continue
            last = node.lineno if hasattr(node, "body") else node.end_lineno or 0
            if node.lineno <= frame.line <= last:
                yield node

    def functions(self, name: str) -> list[FunctionAt]:
        """The functions and methods called `name`, with their files."""
        return [at for at in self.all_functions() if at[1].name == name]

    def all_functions(self) -> list[FunctionAt]:
        """Every function and method of the program."""
        found = []
        for file in self.files:
            source = self.source(file)
            for node in ast.walk(source.tree) if source is not None else ():
                if isinstance(node, FunctionNode):
                    found.append((file, node))
        return found

    def function_around(self, frame: Frame) -> FunctionNode | None:
        """The function that a frame is in."""
        source = self.source(frame.file)
        for node in source.statements(frame.line) if source is not None else ():
            found = source.function_of(node) if source is not None else None
            if found is not None:
                return found
        around = [
            node
            for file, node in self.all_functions()
            if file == frame.file and node.lineno <= frame.line <= (node.end_lineno or 0)
        ]
        return around[-1] if around else None


def nearest(word: str, known: list[str]) -> str | None:
    """The known word that a misspelt one was meant to be."""
    found = difflib.get_close_matches(word, [one for one in known if one != word], n=1, cutoff=0.6)
    return found[0] if found else None


def where(frame: Frame) -> str:
    """A frame as people write it."""
    return f"{frame.file}:{frame.line}"


def _likely_own(failure: Failure) -> list[Frame]:
    marks = ("site-packages", "dist-packages", "/lib/python3", "<")
    return [frame for frame in reversed(failure.root.frames) if not any(mark in frame.file for mark in marks)]


def _of_line(text: str) -> Iterator[ast.AST]:
    for form in (text, f"{text} pass", f"async def _():\n    {text}"):
        try:
            yield from ast.walk(ast.parse(form))
        except (SyntaxError, ValueError):
            continue
        return
