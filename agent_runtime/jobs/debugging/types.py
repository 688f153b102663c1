"""The values of the debugging job: frames, failures, suspicious lines, candidate edits, the report."""

from dataclasses import dataclass
from typing import Literal

from agent_runtime.types import Usage

HowFound = Literal["frame", "spectrum", "named"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One entry of a traceback. `source` is the line that it shows, empty where it shows none."""

    file: str
    line: int
    function: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception with its frames, outermost first. `link` says how it is tied to the one before it."""

    kind: str
    message: str
    frames: tuple[Frame, ...] = ()
    link: Literal["", "cause", "context", "group"] = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """All that a log tells of one failure: the exceptions, the last of them raised last."""

    chain: tuple[Raised, ...]
    is_truncated: bool = False

    @property
    def last(self) -> Raised:
        """The exception that ended the program."""
        return self.chain[-1]

    @property
    def root(self) -> Raised:
        """The exception to explain: what an explicit chain or a group goes back to, else the last one."""
        leaves = [raised for raised in self.chain if raised.link == "group"]
        if leaves:
            return leaves[0]
        root = self.chain[-1]
        for index in range(len(self.chain) - 1, 0, -1):
            if self.chain[index].link != "cause":
                break
            root = self.chain[index - 1]
        return root


@dataclass(frozen=True, slots=True)
class Suspect:
    """A line that may hold the fault; `score` in (0, 1] is relative to the other suspects."""

    file: str
    line: int
    score: float
    found_by: HowFound


@dataclass(frozen=True, slots=True)
class Cause:
    """What went wrong and where it began, in two sentences. `kind` names the rule that found it."""

    kind: str
    text: str
    file: str = ""
    line: int = 0
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hypothesis as an edit: `lines` take the place of FIRST to LAST; LAST = FIRST - 1 inserts.

    `prior` in (0, 1] is how often faults of this kind are made, relative to other kinds.
    """

    file: str
    first: int
    last: int
    lines: tuple[str, ...]
    operator: str
    prior: float

    @property
    def text(self) -> str:
        """The edit as PROTOCOL's `edit` tool reads it."""
        return "\n".join((f"{self.file}:{self.first}-{self.last}", *self.lines))

    def applied(self, source: str) -> str:
        """`source` with the edit made."""
        lines = source.split("\n")
        lines[self.first - 1 : self.last] = self.lines
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A hypothesis that was tried. `node_id` is its branch in the trace."""

    candidate: Candidate
    is_passing: bool
    evidence: str
    node_id: int


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit with which the failing command passes and what passed before still does.

    `n_agreeing` of `n_rivals` behave like it. `confidence` in [0, 1] is the weight behind its behaviour against that
    of all edits that pass, times `plausibility`: how little it looks as if it only silenced the failure, which
    `doubts` say in words.
    """

    candidate: Candidate
    diff: str
    verification: tuple[str, ...]
    n_rivals: int = 1
    n_agreeing: int = 1
    confidence: float = 1.0
    rivals: tuple[Candidate, ...] = ()
    plausibility: float = 1.0
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What the job came to. `floor` is what blind search in source order would have taken, beside this run.

    `fix` is established: the evidence carries it. Where none is, `candidate` is the best edit that passes, and
    `missing` says what it lacks.
    """

    command: tuple[str, ...]
    cause: Cause
    evidence: tuple[str, ...]
    suspects: tuple[Suspect, ...] = ()
    fix: Fix | None = None
    tried: tuple[Attempt, ...] = ()
    n_candidates: int = 0
    floor: str = ""
    ranked_by: str = ""
    usage: Usage = Usage()
    trace: str = ""
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    candidate: Fix | None = None
    missing: str = ""
