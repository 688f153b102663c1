"""What people said of a run's steps: one JSON line each, in `TRACE.review.jsonl` beside the trace.

The trace itself is never touched. The last word on a step counts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from agent_runtime.errors import InputError

SUFFIX = ".review.jsonl"


@dataclass(frozen=True, slots=True)
class Review:
    """A thumb on one node, with a note."""

    node_id: int
    is_up: bool
    note: str = ""
    time: str = ""  # ISO 8601, UTC


REVIEW = TypeAdapter(Review)


def review_path(trace: Path) -> Path:
    """Where the reviews of a trace are."""
    return trace.with_name(trace.name + SUFFIX)


def add_review(trace: Path, node_id: int, is_up: bool, note: str = "") -> Review:
    """Append one review.

    Raises:
        InputError: The file beside the trace cannot be written.
    """
    review = Review(node_id, is_up, note, datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        with review_path(trace).open("ab") as file:
            file.write(REVIEW.dump_json(review) + b"\n")
    except OSError as error:
        raise InputError(f"cannot write the review beside {str(trace)!r}: {error.strerror}") from None
    return review


def read_reviews(trace: Path) -> list[Review]:
    """The reviews of a trace, the last one of each node, in the order of the nodes.

    Raises:
        InputError: A line is no review.
    """
    path = review_path(trace)
    if not path.is_file():
        return []
    last: dict[int, Review] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            review = REVIEW.validate_json(line)
        except ValidationError as error:
            raise InputError(f"{str(path)!r}, line {number}: {error.errors()[0]['msg']}") from None
        last[review.node_id] = review
    return [last[node_id] for node_id in sorted(last)]
