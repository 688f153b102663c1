"""What a model wrote -> one typed action.

Both wire forms meet in spans (`role`, `text`): role tokens through `read_ids`, tagged text through
`TaggedReader`, tool calls and JSON through `read_call` and `read_json`; `parse` turns the spans of one turn
into an action. Only text that a model generated comes here, never a rendered prompt: what a table, a result
or a traceback says cannot become an action.

Rules where models stray: the first action of a turn counts and what follows it is dropped (it was written
without its result); a model that writes its own `<result>` is in error; text before the first action, and
`<think>...</think>`, is the thought of the step that follows.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence

from agent_runtime.errors import ActionSyntaxError
from agent_runtime.types import Action, Backtrack, Check, FinalAnswer, Malformed, Plan, Span, Step

BUILT_IN_TOOLS = ("calc", "sql", "python", "edit")
ACTION_ROLES = ("plan", "step", "backtrack", "answer")
# The tools whose input is kept to the letter: indentation and blank lines mean something there.
VERBATIM_TOOLS = frozenset({"python", "edit"})

UNFINISHED = Span("unfinished", "")  # stands after a field that the model did not close
_NOT_FOR_MODELS = frozenset({"", "result", "good", "bad", "end", "unfinished"})
_ITEM_NUMBER = re.compile(r"\s*(?:\d{1,3}[.)]|[-*])\s+")
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
    lines = (_ITEM_NUMBER.sub("", line, count=1).strip() for line in f"{text}\n".split("\n"))
    items = tuple(line for line in lines if line)
    if not items:
        raise _error("the plan is empty: write one item a line, `1. ...`", spans)
    return Plan(items)


def _check(span: Span, spans: Sequence[Span]) -> Check:
    if _OPENING.match(span.text):
        raise _error(f"an action inside <{span.role}>: a check holds plain text", spans)
    _present(span.text.strip(), f"the input of <{span.role}> is empty", spans)
    return Check(span.role, span.text if span.role in VERBATIM_TOOLS else span.text.strip())


def _present(text: str, complaint: str, spans: Sequence[Span]) -> str:
    if not text:
        raise _error(complaint, spans)
    return text


def _error(complaint: str, spans: Sequence[Span]) -> ActionSyntaxError:
    written = "".join(f"<{span.role}>{span.text}" if span.role else span.text for span in spans)
    return ActionSyntaxError(complaint, written)


# --- role tokens


def read_ids(
    ids: Sequence[int], roles: Mapping[int, str], decode: Callable[[Sequence[int]], str]
) -> tuple[Span, ...]:
    """Split ids at their role tokens; reading ends with the first `<end>`, or with `UNFINISHED`.

    Text before the first role token makes a span without a role, which no action accepts.
    """
    spans: list[Span] = []
    role, start = "", 0
    for position, token in enumerate([*ids, None]):
        if token is not None and token not in roles:
            continue
        text = clean(decode(ids[start:position])) if position > start else ""
        if role or text:
            spans.append(Span(role, text))
        if token is None:
            return (*spans, UNFINISHED) if role else tuple(spans)
        role, start = roles[token], position + 1
        if role == "end":
            break
    return tuple(spans)


def clean(text: str) -> str:
    """Replace lone surrogates, which no file and no JSON document can hold."""
    return _LONE_SURROGATE.sub("\ufffd", text)


# --- tagged text

_TAGS = (*ACTION_ROLES, *BUILT_IN_TOOLS, "result", "think")
_OPENING = re.compile(rf"\s*<(?:{'|'.join(_TAGS)})>")


class TaggedReader:
    """Read tagged text as it arrives; `spans` grows as fields are closed.

    Code is unescaped: inside a tool's tag only its own close tag ends it. `</step>` may come before or
    after the check; loose text outside all tags is a `think` span.
    """

    def __init__(self, tools: Sequence[str] = BUILT_IN_TOOLS) -> None:
        self.spans: list[Span] = []
        self._text = ""
        self._open = ""  # the tag that is open, "" outside all tags
        self._seen = 0  # up to where the text was searched in vain
        tags = sorted({*ACTION_ROLES, *tools, "result", "think"})
        self._longest = max(map(len, tags)) + len("</>")
        self._outside = re.compile(rf"<({'|'.join(map(re.escape, tags))})>|</(?:step|think)>")
        checks = "|".join(map(re.escape, sorted(tools)))
        self._inside_step = re.compile(rf"</step>|<({checks or '(?!)'})>")

    def feed(self, text: str) -> None:
        """Take in more of what the model writes."""
        self._text += text
        while self._advance():
            pass

    def close(self) -> tuple[Span, ...]:
        """End the text; all its spans, with `UNFINISHED` after a field that was not closed."""
        self._emit(self._open or "think", self._text)
        if self._open and self._open != "think":
            self.spans.append(UNFINISHED)
        self._open = self._text = ""
        return tuple(self.spans)

    def _advance(self) -> bool:
        """Consume text up to the next tag that matters; False when it has not arrived yet."""
        match = self._ending().search(self._text, self._seen)
        if match is None:
            self._seen = max(0, len(self._text) - self._longest)
            return False
        body, self._text, self._seen = self._text[: match.start()], self._text[match.end() :], 0
        self._emit(self._open or "think", body)
        self._open = match[1] or "" if match.re.groups else ""
        return True

    def _ending(self) -> re.Pattern[str]:
        if not self._open:
            return self._outside
        return self._inside_step if self._open == "step" else re.compile(f"</{re.escape(self._open)}>")

    def _emit(self, role: str, body: str) -> None:
        if role == "think" and not body.strip():
            return
        if role in VERBATIM_TOOLS:  # the line breaks next to the tags belong to the tags
            body = body.removeprefix("\n").removesuffix("\n")
        self.spans.append(Span(role, clean(body)))


def read_tagged(text: str, tools: Sequence[str] = BUILT_IN_TOOLS) -> tuple[Span, ...]:
    """Read the spans of one turn of tagged text."""
    reader = TaggedReader(tools)
    reader.feed(text)
    return reader.close()


def write_tagged(action: Action) -> str:
    """Write an action as tagged text, the way `read_tagged` reads it back."""
    spans = render(action)
    if isinstance(action, Malformed):
        return action.text
    if not isinstance(action, Step) or action.check is None:
        return "".join(f"<{span.role}>{span.text}</{span.role}>" for span in spans)
    tool, text = action.check.tool, action.check.input
    inner = f"\n{text}\n" if tool in VERBATIM_TOOLS else text
    return f"<step>{action.thought}<{tool}>{inner}</{tool}></step>"


# --- tool calls and JSON

_TEXT_FIELDS = {"step": "thought", "backtrack": "reason", "answer": "text"}


def read_call(name: str, arguments: str, thought: str = "") -> tuple[Span, ...]:
    """Read a call of `plan(items)`, `step(thought)`, `backtrack(reason)`, `answer(text)`, `TOOL(thought, input)`.

    Raises:
        ActionSyntaxError: The arguments are not the JSON object that the function asks for.
    """
    lead = (Span("think", clean(thought)),) if thought.strip() else ()
    return (*lead, *_call(name, _json_object(arguments), arguments))


def read_json(text: str) -> tuple[Span, ...]:
    """Read one action written as a JSON object: `action` names it, the rest are its fields.

    Raises:
        ActionSyntaxError: It is not such an object.
    """
    fields = _json_object(text)
    return _call(_string(fields, "action", text), fields, text)


def _call(name: str, fields: Mapping[str, object], text: str) -> tuple[Span, ...]:
    if name == "plan":
        items = (_ITEM_NUMBER.sub("", item, count=1) for item in _items(fields, text))
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
