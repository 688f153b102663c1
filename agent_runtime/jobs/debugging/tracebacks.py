"""Reads failures out of a log: Python tracebacks, chained and grouped ones, pytest's reports, warnings.

The text is untrusted and is only ever read line by line with anchored patterns, so the time is linear in its length.
Other lines may stand between those of a traceback (interleaved logs), each may have a prefix (a time, a container's
name), and either end may be missing. Not covered: tracebacks of other languages, or translated ones.
"""

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from agent_runtime.jobs.debugging.types import Failure, Frame, Raised

MAX_CHARACTERS = 4_000_000
MAX_LINE = 2_000  # characters of a line that are read
MAX_FRAMES = 200  # of one exception; the first and last hundred are kept
HEADER = "Traceback (most recent call last):"
LINKS = {
    "The above exception was the direct cause of the following exception:": "cause",
    "During handling of the above exception, another exception occurred:": "context",
}
FRAME = re.compile(
    r'File "(?P<file>[^"]{1,1000})", line (?P<line>\d{1,9})(?:, in (?P<function>.{1,200}))?\s*$'
)
PLACE = re.compile(
    r"(?P<file>[^\s:]{1,500}\.py):(?P<line>\d{1,9}):(?: in (?P<function>\S{1,200})| ?(?P<kind>\w*))\s*$"
)
NAMED = r"(?P<kind>(?:[A-Za-z_]\w{0,99}\.){0,9}[A-Za-z_]\w{0,99})"
RAISED = re.compile(NAMED + r"(?:: ?(?P<message>.*))?$")
WARNED = re.compile(r"(?P<file>[^\s:]{1,500}):(?P<line>\d{1,9}): (?P<kind>\w{1,99}Warning): (?P<message>.*)$")
ENDINGS = (
    "Error",
    "Exception",
    "Warning",
    "Exit",
    "Interrupt",
    "Group",
    "Iteration",
    "Timeout",
    "NotFound",
    "Failure",
)
GROUP_MARK = re.compile(r"\s*(?:\+-)?\+-+ (?:\d+|\.\.\.) -+")
GROUP_PREFIX = re.compile(r"\s*[|+] ")
WHERE = re.compile(
    r"file (?P<file>.{1,1000}), line (?P<line>\d{1,9})$"
)  # pytest, of a test without its fixture
FIXTURE = re.compile(r"E\s+fixture '(?P<name>[^']{1,100})' not found")

Link = Literal["", "cause", "context", "group"]


def parse(text: str) -> list[Failure]:
    """The failures that a log tells of, in its order; empty where it tells of none."""
    reader = _Reader()
    for line in _lines(text[-MAX_CHARACTERS:]):
        reader.read(line)
    reader.finish()
    return reader.failures


def _lines(text: str) -> list[str]:
    return [line[:MAX_LINE].rstrip() for line in text.split("\n")]


@dataclass(slots=True)
class _Reader:
    """What has been read so far: finished failures, the chain in hand, the exception in hand."""

    failures: list[Failure] = field(default_factory=list)
    chain: list[Raised] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    link: Link = ""
    is_inside: bool = False  # between a traceback's head and its exception
    is_truncated: bool = False
    awaits_source: bool = False
    column: int = 0  # where a traceback's lines begin, behind a log's prefix
    told: list[str] = field(default_factory=list)  # pytest's E lines
    marked: str = ""  # pytest's > line

    def read(self, line: str) -> None:
        """Take in one more line."""
        if GROUP_MARK.match(line):
            self.link = "group"
            return
        line = GROUP_PREFIX.sub("", line, count=1) if GROUP_PREFIX.match(line) else line
        stripped = line.strip()
        if HEADER in line:
            self._begin()
        elif stripped in LINKS:
            self._end_open()
            self.link = LINKS[stripped]  # type: ignore[assignment]
        elif not (self._frame(line) or self._pytest(line, stripped) or self._warning(line)):
            self._rest(line, stripped)

    def finish(self) -> None:
        """The log ends here."""
        self._end_open()
        self._close_chain()

    def _begin(self) -> None:
        self._end_open()
        if not self.link:
            self._close_chain()
        self.is_inside = True

    def _end_open(self) -> None:
        """A traceback whose exception never came."""
        if self.frames:
            self.is_truncated = True
            self._raised("", "")

    def _frame(self, line: str) -> bool:
        at = line.find('File "')
        match = FRAME.match(line, at) if at >= 0 else None
        if match is None:
            return False
        if not self.is_inside:
            self._close_unlinked()
            self.is_truncated = bool(
                match["function"]
            )  # a syntax error has no head; frames without one lost it
            self.is_inside = True
        self._add(Frame(match["file"], int(match["line"]), match["function"] or ""))
        self.awaits_source, self.column = True, max(0, at - 2)
        return True

    def _add(self, frame: Frame) -> None:
        self.frames.append(frame)
        if len(self.frames) > MAX_FRAMES:
            del self.frames[MAX_FRAMES // 2]

    def _pytest(self, line: str, stripped: str) -> bool:
        if line.startswith(("E  ", "E\t")):
            if (found := FIXTURE.match(line)) is not None:
                self._close_unlinked(keep_frames=True)
                self.told = []
                self._raised("FixtureLookupError", f"fixture '{found['name']}' not found")
            else:
                self.told.append(line[1:].strip())
            return True
        if line.startswith(">  "):
            if stripped.startswith(">       available fixtures:") and self.chain:
                last = self.chain.pop()
                self.chain.append(Raised(last.kind, f"{last.message}; {stripped[1:].strip()}", last.frames))
            self.marked = line[1:].strip()
            return True
        if (where := WHERE.match(line)) is not None and not self.is_inside:
            self._close_unlinked()
            self._add(Frame(where["file"], int(where["line"])))
            return True
        match = PLACE.match(line) if ".py:" in line else None
        if match is None or self.is_inside:
            return False
        return self._place(match)

    def _place(self, match: re.Match[str]) -> bool:
        self._add(Frame(match["file"], int(match["line"]), match["function"] or "", self.marked))
        self.marked = ""
        if match["kind"]:
            kind, message = match["kind"], self.told[0] if self.told else ""
            named = RAISED.match(message)
            if named is not None and named["kind"].rpartition(".")[2] == kind:
                message = named["message"] or ""
            self.told = []
            self._close_unlinked(keep_frames=True)
            self._raised(kind, message)
        return True

    def _warning(self, line: str) -> bool:
        match = WARNED.match(line) if "Warning: " in line else None
        if match is None or self.is_inside:
            return False
        self._close_unlinked()
        self._add(Frame(match["file"], int(match["line"])))
        self._raised(match["kind"], match["message"])
        return True

    def _rest(self, line: str, stripped: str) -> None:
        """A source line under its frame, the exception itself, or something else's line."""
        if self.awaits_source and line[self.column : self.column + 4] == "    ":
            self.awaits_source = False
            last = self.frames[-1]
            self.frames[-1] = Frame(last.file, last.line, last.function, stripped)
            return
        is_open = self.is_inside and not line.startswith("    ")
        match = _exception(stripped) if is_open or self.link == "group" else None
        if match is not None:
            self._raised(match["kind"], match["message"] or "")

    def _raised(self, kind: str, message: str) -> None:
        self.chain.append(Raised(kind, message.strip(), tuple(self.frames), self.link if self.chain else ""))
        self.frames, self.link = [], "group" if self.link == "group" else ""
        self.is_inside = self.awaits_source = False

    def _close_unlinked(self, *, keep_frames: bool = False) -> None:
        if not self.link:
            kept = self.frames if keep_frames else []
            self._close_chain()
            self.frames = kept

    def _close_chain(self) -> None:
        if self.chain:
            self.failures.append(Failure(tuple(self.chain), self.is_truncated))
        self.chain, self.frames, self.link, self.is_truncated = [], [], "", False


def _exception(line: str) -> re.Match[str] | None:
    """`Kind: message` at the end of a log line's prefix; a log level is no exception's name."""
    for start in islice(_starts(line), 6):
        match = RAISED.match(line, start)
        if match is not None and match["kind"].endswith(ENDINGS):
            return match
    match = RAISED.match(line)
    is_name = match is not None and ("." in match["kind"] or match["kind"] == "KeyboardInterrupt")
    return match if is_name and match is not None and match["message"] else None


def _starts(line: str) -> list[int]:
    """Where a word begins, from the left: a prefix may stand before an exception's name."""
    starts = [0]
    for match in islice(re.finditer(r"[ |\]]+(?=[A-Za-z_])", line[:200]), 5):
        starts.append(match.end())
    return starts
