"""What the model must know of how its tables were read, as short lines; and which columns have a misleading order."""

from collections.abc import Iterator, Sequence

from agent_runtime_tools.table_names import as_written
from agent_runtime_tools.tables.types import Reading

MAX_LINES = 8  # of one table; the rest is counted
MAX_LINE = 220


def remarks(reading: Reading) -> tuple[str, ...]:
    """Doubts first, then what was left out, then notes; at most so many lines."""
    lines = [line if len(line) <= MAX_LINE else f"{line[: MAX_LINE - 1]}…" for line in _lines(reading)]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"and {len(lines) - MAX_LINES + 1} more notes"]
    return tuple(lines)


def _lines(reading: Reading) -> Iterator[str]:
    for doubt in reading.doubts:
        yield f"doubt: {doubt.text}"
    for row in reading.left_out:
        yield f"left out: {row.where} ({row.text}): {row.why}"
    for note in reading.notes:
        yield f"note: {note}"
    for column in reading.columns:
        for note in column.notes:
            yield f"note: {as_written(column.name)}: {note}"


def misordered(readings: Sequence[Reading]) -> dict[str, str]:
    """Why the order of a column misleads, by its name; a name that is in order in another table is left alone."""
    found: dict[str, str] = {}
    sound: set[str] = set()
    for reading in readings:
        for column in reading.columns:
            if column.misordered:
                found[column.name.lower()] = column.misordered
            else:
                sound.add(column.name.lower())
    return {name: why for name, why in found.items() if name not in sound}
