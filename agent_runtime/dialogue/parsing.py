"""What a model wrote -> one typed action.

All wire forms meet in spans (`role`, `text`): role tokens through `read_ids`, tagged text through `TaggedReader`, tool
calls and JSON through `read_call` and `read_json`; `parse` turns the spans of one turn into an action. Only text that
a model generated comes here, never a rendered prompt: what a table, a result or a traceback says cannot become an
action.

Rules where models stray: the first action of a turn counts and what follows it is dropped (it was written
without its result); a model that writes its own `<result>` is in error; text before the first action, and
`<think>...</think>`, is the thought of the step that follows.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from agent_runtime.errors import ActionSyntaxError
from agent_runtime.types import (
    Action,
    Backtrack,
    Check,
    FinalAnswer,
    Malformed,
    Plan,
    Span,
    Step,
    ToolSpec,
)

ACTION_ROLES = ("plan", "step", "backtrack", "answer")

UNFINISHED = Span("unfinished", "")  # stands after a field that the model did not close
NESTED = Span("nested", "")  # stands after a check in which the model began another action
_NOT_FOR_MODELS = frozenset({"", "result", "good", "bad", "end", UNFINISHED.role, NESTED.role})
ITEM_NUMBER = re.compile(r"\s*(?:\d{1,3}[.)]|[-*])\s+")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def parse(spans: Sequence[Span]) -> Action:
    """Read the first action in `spans`.

    Raises:
        ActionSyntaxError: There is none, or it is not of the protocol.
    """
    thought, fields = _first_action(spans)
    role, text = fields[0].role, fields[0].text.strip()
    if role == "plan":
        return _plan(text, spans)
    if role == "backtrack":
        return Backtrack(text)
    if role == "answer":
        return FinalAnswer(_present(text, "the answer is empty", spans))
    if role == "step":
        thought, fields = "\n".join(filter(None, [thought, text])), fields[1:]
    if not fields:
        return Step(_present(thought, "the step is empty", spans))
    return Step(thought, _check(fields[0], spans))


def _first_action(spans: Sequence[Span]) -> tuple[str, list[Span]]:
    """The thinking before the first action, and the spans that are its own: a step may have two."""
    n_thoughts = next((n for n, span in enumerate(spans) if span.role != "think"), len(spans))
    thought = "\n".join(span.text.strip() for span in spans[:n_thoughts])
    rest = [span for span in spans if span.role != "think"]
    if not rest:
        raise _error("there is no action: write <plan>, <step>, <backtrack> or <answer>", spans)
    if rest[0].role in _NOT_FOR_MODELS:
        raise _error(f"<{rest[0].role}> is not for the model to write", spans)
    n_fields = 1
    if rest[0].role == "step" and len(rest) > 1 and rest[1].role not in {*ACTION_ROLES, *_NOT_FOR_MODELS}:
        n_fields = 2
    if rest[n_fields : n_fields + 1] == [UNFINISHED]:
        raise _error("the action is not finished", spans)
    if rest[n_fields : n_fields + 1] == [NESTED]:
        raise _error(f"an action inside <{rest[n_fields - 1].role}>: a check holds plain text", spans)
    return thought, rest[:n_fields]


def render(action: Action) -> tuple[Span, ...]:
    """Write an action as spans; `parse(render(action)) == action` for whatever `parse` returned."""
    if isinstance(action, Plan):
        return (Span("plan", "\n".join(f"{n}. {item}" for n, item in enumerate(action.items, 1))),)
    if isinstance(action, Step):
        check = (Span(action.check.tool, action.check.input),) if action.check else ()
        return (Span("step", action.thought), *check)
    if isinstance(action, Backtrack):
        return (Span("backtrack", action.reason),)
    if isinstance(action, FinalAnswer):
        return (Span("answer", action.text),)
    assert isinstance(action, Malformed)
    return (Span("", action.text),)


def _plan(text: str, spans: Sequence[Span]) -> Plan:
    lines = (ITEM_NUMBER.sub("", line, count=1).strip() for line in f"{text}\n".split("\n"))
    items = tuple(line for line in lines if line)
    if not items:
        raise _error("the plan is empty: write one item a line, `1. ...`", spans)
    return Plan(items)


def _check(span: Span, spans: Sequence[Span]) -> Check:
    _present(span.text.strip(), f"the input of <{span.role}> is empty", spans)
    return Check(span.role, span.text)


def _present(text: str, complaint: str, spans: Sequence[Span]) -> str:
    if not text:
        raise _error(complaint, spans)
    return text


def _error(complaint: str, spans: Sequence[Span]) -> ActionSyntaxError:
    written = "".join(f"<{span.role}>{span.text}" if span.role else span.text for span in spans)
    return ActionSyntaxError(complaint, written)


def as_input(spans: Sequence[Span], tools: Sequence[ToolSpec]) -> tuple[Span, ...]:
    """The spans with the blanks around a check's input gone, but for tools to which every blank counts."""
    verbatim = {tool.name for tool in tools if tool.form.is_verbatim}
    kept = {*verbatim, *ACTION_ROLES, *_NOT_FOR_MODELS, "think"}
    return tuple(span if span.role in kept else replace(span, text=span.text.strip()) for span in spans)


def clean(text: str) -> str:
    """Replace lone surrogates, which no file and no JSON document can hold."""
    return _LONE_SURROGATE.sub("\ufffd", text)
