"""The runs that somebody may learn from: every trace in some places, and the path that carried its answer."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from agent_runtime.errors import InputError
from agent_runtime.trace.feedback import SUFFIX, read_reviews
from agent_runtime.trace.reader import Trace, read
from agent_runtime.types import Node, VerdictKind

VERIFIED: tuple[VerdictKind, ...] = ("supported", "confirmed")


def traces_of(places: Iterable[Path]) -> Iterator[Trace]:
    """Every trace in the files and folders named.

    Raises:
        InputError: A place does not exist, or a file is no trace.
    """
    for place in places:
        if not place.exists():
            raise InputError(f"there is no trace or folder {str(place)!r}")
        files = sorted(place.rglob("*.jsonl")) if place.is_dir() else [place]
        for path in files:
            if not path.name.endswith(SUFFIX):
                yield read(path)


def surviving_path(trace: Trace, verdicts: tuple[VerdictKind, ...] = VERIFIED) -> tuple[Node, ...] | None:
    """The path that carried the answer; None where the answer's verdict is none of `verdicts`.

    A person's thumb on the answer has the last word.
    """
    answer = trace.finished.answer if trace.finished else None
    if answer is None or answer.text is None or answer.node_id is None:
        return None
    thumbs = {review.node_id: review.is_up for review in read_reviews(trace.path)}
    is_verified = thumbs.get(answer.node_id, answer.verdict in verdicts)
    return trace.graph().path(answer.node_id) if is_verified else None
