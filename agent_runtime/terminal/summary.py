"""The two ends of a run as lines: the question; the answer, the evidence that holds it up, and what it cost.

A quantity that nobody measured is "unknown", never zero.
"""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from agent_runtime.terminal.printable import printable, printable_lines
from agent_runtime.trace.events import RunStarted
from agent_runtime.types import Answer, Evidence, StopReason, Usage

MAX_QUESTION_LINES = 4
MAX_RESULT_LINES = 10
STOPPED: dict[StopReason, str] = {
    "answered": "",
    "not_established": "",
    "budget": "the budget ran out",
    "interrupted": "interrupted",
    "failed": "a part failed",
}
MARKS = {"confirmed": "✓", "supported": "✓", "refuted": "✗", "unchecked": "·"}


def head_lines(started: RunStarted, console: Console, width: int) -> Iterator[Text]:
    """The question, and by what it is answered."""
    question = Text("\n").join(Text(line) for line in printable_lines(started.task.question.strip()))
    lines = question.wrap(console, width - 2)
    for n, line in enumerate(lines[:MAX_QUESTION_LINES]):
        line.stylize("bold")
        yield Text.assemble(("? " if not n else "  ", "bold cyan"), line)
    if len(lines) > MAX_QUESTION_LINES:
        yield Text(f"  … {len(lines) - MAX_QUESTION_LINES} more lines", style="dim")
    tables = [f"{table.name} ({table.n_rows:,} rows)" for table in started.prompt.tables]
    parts = [started.model.name, started.model.device, started.strategy, f"seed {started.seed}", *tables]
    line = Text("  " + printable(" · ".join(parts)), style="dim", no_wrap=True)
    line.truncate(width, overflow="ellipsis")
    yield line


def answer_lines(answer: Answer) -> Iterator[Text]:
    """The answer first, then why it may be believed, or what is missing."""
    if answer.text is None:
        yield Text("not established", style="bold yellow")
        if answer.candidate is not None:
            yield Text(f"best candidate: {printable(answer.candidate)}")
    else:
        yield from (Text(line, style="bold green") for line in printable_lines(answer.text))
    if answer.missing:
        yield Text(f"missing: {printable(answer.missing)}", style="yellow")
    for objection in answer.objections:
        yield Text(
            f"objection ({printable(objection.verifier)}): {printable(objection.text)}", style="yellow"
        )
    for note in answer.notes:
        yield Text(f"in doubt: {printable(note)}", style="yellow")
    for evidence in answer.evidence:
        yield from _evidence_lines(evidence)
    if answer.verdict == "confirmed":
        for ground in answer.grounds:
            yield Text(printable(ground), style="dim")


def _evidence_lines(evidence: Evidence) -> Iterator[Text]:
    check = " ".join(printable_lines(evidence.input))
    by = "" if evidence.origin == "model" else f"({evidence.origin}) "
    mark = f"{MARKS[evidence.verdict]} {printable(evidence.tool)} {by}"
    yield Text.assemble((mark, "green"), (check, "cyan"))
    results = printable_lines(evidence.result.rstrip())
    yield from (
        Text(f"  ↳ {line}" if not n else f"    {line}") for n, line in enumerate(results[:MAX_RESULT_LINES])
    )
    if len(results) > MAX_RESULT_LINES:
        yield Text(f"    … {len(results) - MAX_RESULT_LINES} more lines", style="dim")


def verdict_line(answer: Answer) -> str:
    """How far the answer is to be trusted, and why the run ended where that says something."""
    stopped = STOPPED[answer.stop_reason]
    fitted = "" if answer.is_calibrated else ", uncalibrated"
    verdict = f"{answer.verdict}, confidence {answer.confidence:.2f}{fitted}"
    return f"{verdict} ({stopped})" if stopped else verdict


def bill_lines(answer: Answer) -> Iterator[Text]:
    """The bill: tokens by role, seconds by part, dollars, joules; and where the trace lies."""
    usage = answer.usage
    tokens = {
        "prompt": usage.prompt_tokens,
        "think": usage.think_tokens,
        "forced": usage.forced_tokens,
        "judge": usage.judge_tokens,
    }
    seconds = {
        "model": usage.model_seconds,
        "tools": usage.tool_seconds,
        "waiting": usage.waiting_seconds,
        "own": usage.own_seconds,
    }
    yield _item("tokens", f"{usage.n_tokens:,} = {_sum(tokens, ',')}")
    if usage.wasted_tokens:
        yield _item("", f"{usage.wasted_tokens:,} of them on dropped branches")
    yield _item("seconds", f"{sum(seconds.values()):.2f} = {_sum(seconds, '.2f')}; {_calls(usage)}")
    yield _item("dollars", "unknown" if usage.dollars is None else f"{usage.dollars:.6f}")
    yield _item("joules", "unknown" if usage.joules is None else f"{usage.joules:,.1f}")
    bills = answer.usage_by_strategy.items()
    for number, (strategy, spent) in enumerate(bills if len(bills) > 1 else ()):
        yield _item("" if number else "of it", f"{printable(strategy)}: {_spent(spent)}")
    if answer.trace is not None:
        yield _item("trace", printable(str(answer.trace)))


def _spent(usage: Usage) -> str:
    """What one strategy spent, in a line; what is unknown of the whole run is not said again."""
    seconds = usage.model_seconds + usage.tool_seconds + usage.waiting_seconds
    parts = [f"{usage.n_tokens:,} tokens", f"{seconds:.2f} seconds", _calls(usage)]
    parts += [] if usage.dollars is None else [f"{usage.dollars:.6f} dollars"]
    parts += [] if usage.joules is None else [f"{usage.joules:,.1f} joules"]
    return ", ".join(parts)


def _calls(usage: Usage) -> str:
    return f"{usage.tool_calls} tool call{'' if usage.tool_calls == 1 else 's'}"


def _sum(parts: dict[str, int] | dict[str, float], form: str) -> str:
    return " + ".join(f"{value:{form}} {name}" for name, value in parts.items())


def _item(name: str, text: str) -> Text:
    return Text.assemble((f"{name:8}", "dim"), text)
