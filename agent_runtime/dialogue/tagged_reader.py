"""Tagged text: actions as literal tags, code inside them unescaped."""

import re
from collections.abc import Sequence

from agent_runtime.dialogue.parsing import ACTION_ROLES, NESTED, UNFINISHED, clean, render
from agent_runtime.types import Action, Malformed, Span, Step, ToolSpec


class TaggedReader:
    """Read tagged text as it arrives; `spans` grows as fields are closed.

    Code is unescaped: inside a tool's tag only its own close tag ends it. `</step>` may come before or
    after the check; loose text outside all tags is a `think` span.
    """

    def __init__(self, tools: Sequence[ToolSpec] = ()) -> None:
        self.spans: list[Span] = []
        self._text = ""
        self._open = ""  # the tag that is open, "" outside all tags
        self._seen = 0  # up to where the text was searched in vain
        names = sorted(tool.name for tool in tools)
        tags = sorted({*ACTION_ROLES, *names, "result", "think"})
        self._tools = frozenset(names)
        self._verbatim = frozenset(tool.name for tool in tools if tool.form.is_verbatim)
        self._longest = max(map(len, tags)) + len("</>")
        opening = f"<({'|'.join(map(re.escape, tags))})>"
        self._outside = re.compile(rf"{opening}|</(?:step|think)>")
        self._opening = re.compile(rf"\s*{opening}")
        checks = "|".join(map(re.escape, names))
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
        if role in self._verbatim:  # the line breaks next to the tags belong to the tags
            body = body.removeprefix("\n").removesuffix("\n")
        elif role in self._tools:
            body = body.strip()
        self.spans.append(Span(role, clean(body)))
        if role in self._tools and self._opening.match(body):
            self.spans.append(NESTED)


def read_tagged(text: str, tools: Sequence[ToolSpec] = ()) -> tuple[Span, ...]:
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
    inner = f"\n{text}\n" if text != text.strip() or "\n" in text else text
    return f"<step>{action.thought}<{tool}>{inner}</{tool}></step>"
