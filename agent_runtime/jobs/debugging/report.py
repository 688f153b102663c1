"""The report as text: root cause, evidence, diff, verification, what else was tried, the floor."""

from collections.abc import Iterator

from agent_runtime.jobs.debugging.types import Attempt, Report

MAX_SHOWN = 5


def as_text(report: Report) -> str:
    """The whole report, for a terminal or a file."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield "Root cause"
    yield f"  {report.cause.text}"
    yield "Evidence"
    yield from (f"  {line}" for line in report.evidence)
    if report.suspects:
        shown = ", ".join(f"{one.file}:{one.line} ({one.found_by})" for one in report.suspects[:MAX_SHOWN])
        yield f"  most suspect lines: {shown}"
    yield from _fix(report)
    yield from _tried(report)
    if report.floor:
        yield "Model-free floor"
        yield f"  {report.floor}"
    yield from (f"note: {note}" for note in report.notes)
    if report.left_out:
        yield f"note: not copied into the sandbox: {', '.join(report.left_out[:MAX_SHOWN])}"
    if report.trace:
        yield f"trace: {report.trace}"


def _fix(report: Report) -> Iterator[str]:
    best = report.fix or report.candidate
    if best is None:
        if report.command and report.cause.kind != "no failure":
            yield "Fix"
            yield "  none was found that makes the command pass and breaks nothing"
        return
    yield "Fix" if report.fix is not None else "Best candidate (not established as a fix)"
    yield from (f"  {line}" for line in best.diff.rstrip("\n").split("\n"))
    yield "Verified" if report.fix is not None else "What holds"
    yield from (f"  {line}" for line in best.verification)
    if report.missing:
        yield "What is missing"
        yield f"  {report.missing}"


def _tried(report: Report) -> Iterator[str]:
    if not report.tried:
        return
    n_refuted = sum(not attempt.is_passing for attempt in report.tried)
    yield "What else was tried"
    yield f"  {len(report.tried)} of {report.n_candidates} hypotheses, {n_refuted} refuted; order: {report.ranked_by}"
    best = report.fix or report.candidate
    rivals = best.rivals if best is not None else ()
    for rival in rivals[:MAX_SHOWN]:
        yield f"  passes too, less likely: {rival.file}:{rival.first} {_shown(rival.lines)}"
    for attempt in [one for one in report.tried if not one.is_passing][:MAX_SHOWN]:
        yield f"  refuted: {_described(attempt)}"


def _described(attempt: Attempt) -> str:
    said = attempt.evidence.strip().rpartition("\n")[2][:80]
    one = attempt.candidate
    return f"{one.file}:{one.first} {_shown(one.lines)} -> {said}"


def _shown(lines: tuple[str, ...]) -> str:
    text = " / ".join(line.strip() for line in lines)[:80]
    return f"`{text}`" if text else "(deleted)"
