"""Actions as function calls, and as JSON objects: their fields, read and written."""

import json
from collections.abc import Mapping, Sequence

from agent_runtime.dialogue.parsing import ITEM_NUMBER, as_input, clean
from agent_runtime.errors import ActionSyntaxError
from agent_runtime.types import Action, Backtrack, FinalAnswer, Plan, Span, Step, ToolSpec

_TEXT_FIELDS = {"step": "thought", "backtrack": "reason", "answer": "text"}


def read_call(
    name: str, arguments: str, tools: Sequence[ToolSpec] = (), thought: str = ""
) -> tuple[Span, ...]:
    """Read a call of `plan(items)`, `step(thought)`, `backtrack(reason)`, `answer(text)`, `TOOL(thought, input)`.

    Raises:
        ActionSyntaxError: The arguments are not the JSON object that the function asks for.
    """
    lead = (Span("think", clean(thought)),) if thought.strip() else ()
    return (*lead, *as_input(_call(name, _json_object(arguments), arguments), tools))


def read_json(text: str, tools: Sequence[ToolSpec] = ()) -> tuple[Span, ...]:
    """Read one action written as a JSON object: `action` names it, the rest are its fields.

    Raises:
        ActionSyntaxError: It is not such an object.
    """
    fields = _json_object(text)
    return as_input(_call(_string(fields, "action", text), fields, text), tools)


def _call(name: str, fields: Mapping[str, object], text: str) -> tuple[Span, ...]:
    if name == "plan":
        items = (ITEM_NUMBER.sub("", item, count=1) for item in _items(fields, text))
        return (Span("plan", "\n".join(f"{n}. {item}" for n, item in enumerate(items, 1))),)
    if name in _TEXT_FIELDS:
        return (Span(name, _string(fields, _TEXT_FIELDS[name], text)),)
    thought = _string(fields, "thought", text) if "thought" in fields else ""
    return (Span("step", thought), Span(name, _string(fields, "input", text)))


def _json_object(text: str) -> dict[str, object]:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            raise ValueError("a key is there twice")
        return fields

    try:
        fields = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ActionSyntaxError(f"this is not one JSON object: {error}", clean(text)) from None
    if not isinstance(fields, dict):
        raise ActionSyntaxError("this is not a JSON object", clean(text))
    return fields


def _string(fields: Mapping[str, object], key: str, text: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ActionSyntaxError(f"{key!r} has to be a string", clean(text))
    return clean(value)


def _items(fields: Mapping[str, object], text: str) -> list[str]:
    items = fields.get("items")
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ActionSyntaxError("'items' has to be a list of strings", clean(text))
    return [clean(item) for item in items]


def write_call(action: Action) -> tuple[str, dict[str, object]]:
    """Write an action as a function's name and arguments, the way `read_call` reads it back."""
    if isinstance(action, Plan):
        return "plan", {"items": list(action.items)}
    if isinstance(action, Backtrack):
        return "backtrack", {"reason": action.reason}
    if isinstance(action, FinalAnswer):
        return "answer", {"text": action.text}
    if isinstance(action, Step) and action.check is not None:
        return action.check.tool, {"thought": action.thought, "input": action.check.input}
    return "step", {"thought": action.thought if isinstance(action, Step) else action.text}


def write_json(action: Action) -> str:
    """Write an action as one JSON object, the way `read_json` reads it back."""
    name, fields = write_call(action)
    return to_json({"action": name, **fields})


def write_named_call(action: Action) -> str:
    """Write an action as a function's name and its arguments."""
    name, fields = write_call(action)
    return f"{name}({to_json(fields)})"


def to_json(fields: Mapping[str, object]) -> str:
    """JSON as a model reads it: nothing escaped that need not be."""
    return json.dumps(fields, ensure_ascii=False)
