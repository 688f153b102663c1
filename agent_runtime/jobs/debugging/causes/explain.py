"""From a failure to its root cause: the first rule that applies, else the plain facts."""

from collections.abc import Callable, Mapping

from agent_runtime.jobs.debugging.causes.flow import endless_recursion, never_awaited
from agent_runtime.jobs.debugging.causes.imports import dependency_version, import_cycle, missing_module
from agent_runtime.jobs.debugging.causes.scene import Scene, where
from agent_runtime.jobs.debugging.causes.values import (
    index_out_of_range,
    missing_key,
    none_value,
    wrong_type,
)
from agent_runtime.jobs.debugging.causes.words import (
    no_python,
    unknown_name,
    wrong_encoding,
    wrong_fixture,
)
from agent_runtime.jobs.debugging.types import Candidate, Cause, Failure

RULES: tuple[Callable[[Scene], Cause | None], ...] = (
    wrong_fixture,
    import_cycle,
    never_awaited,
    none_value,
    endless_recursion,
    wrong_encoding,
    no_python,
    dependency_version,
    missing_module,
    index_out_of_range,
    missing_key,
    unknown_name,
    wrong_type,
)


def explain(failure: Failure, files: Mapping[str, str]) -> Cause:
    """The root cause as far as traceback and files tell it."""
    scene = Scene(failure, files)
    for rule in RULES:
        cause = rule(scene)
        if cause is not None:
            return cause
    frame = scene.frame
    kind = failure.root.kind or "An exception that the log does not show"
    said = f": {failure.root.message}" if failure.root.message else ""
    if frame is None:
        return Cause(
            "unexplained", f"{kind} was raised{said[:300]}. No frame lies in the program's own files."
        )
    shown = f"{kind} was raised at {where(frame)} (`{scene.line(frame)}`){said[:300]}."
    text = f"{shown} What led to it lies on that line or above it."
    return Cause("unexplained", text, frame.file, frame.line)


def explain_fix(cause: Cause | None, candidate: Candidate, source: str) -> Cause:
    """The cause once a fix is known: a certain rule's words stand, else what the fix changes is the cause."""
    is_here = cause is not None and cause.is_certain and cause.file == candidate.file
    if cause is not None and is_here:
        return cause
    old = " / ".join(line.strip() for line in source.split("\n")[candidate.first - 1 : candidate.last])
    new = " / ".join(line.strip() for line in candidate.lines)
    at = f"{candidate.file}:{candidate.first}"
    if not old:
        text = f"A line is missing at {at}: `{new}`."
    elif not new:
        text = f"The line at {at} should not be there: `{old}`."
    else:
        text = f"{at} says `{old}` where it should say `{new}`."
    shown = cause.text.partition(". ")[0] if cause is not None and cause.kind != "unexplained" else ""
    tail = (
        f"It shows as follows: {shown}." if shown else f"The fault is one of this kind: {candidate.operator}."
    )
    return Cause(
        f"wrong code ({candidate.operator})", f"{text} {tail}", candidate.file, candidate.first, True
    )
