"""The format of any local chat model: literal tags, in one assistant turn behind its chat template."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime.dialogue.grammar import tagged_grammar
from agent_runtime.dialogue.prompt_format import ChatTokenizer, result_ids, user_text
from agent_runtime.dialogue.system_prompt import note_text, system_prompt
from agent_runtime.dialogue.tagged_reader import read_tagged, write_tagged
from agent_runtime.dialogue.thinking import MARK_TOKENS, find_thinking
from agent_runtime.types import Action, Node, Request, Span


@dataclass(frozen=True, slots=True)
class _Frame:
    """What the chat template writes around the system text and the user's."""

    before: str
    between: str
    after: str
    is_open: bool  # ends inside the model's thinking


class TaggedText:
    """A model's own thinking stays where it wrote it: all actions stand in one turn, and templates keep that turn's."""

    def __init__(self, tokenizer: ChatTokenizer) -> None:
        self.tokenizer = tokenizer
        self.stop_ids = tokenizer.end_ids
        self._thinking = find_thinking(tokenizer)
        self._frames: dict[bool, _Frame] = {}

    def head(self, request: Request) -> tuple[int, ...]:
        """Encode the template around the data; the data itself is never rendered by the template."""
        frame = self._frame(is_thinking=self._began_thinking(request))
        user = user_text(request.prompt)
        if request.notes and not _has_actions(request):
            user = f"{user}\n\n{note_text(request.notes)}"
        encode, encode_data = self.tokenizer.encode, self.tokenizer.encode_data
        return (
            *encode(frame.before),
            *encode_data(system_prompt(request.prompt.tools, "tags")),
            *encode(frame.between),
            *encode_data(user),
            *encode(frame.after),
        )

    def write(self, action: Action) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode_data(write_tagged(action)))

    def force(self, node: Node) -> tuple[int, ...]:
        encode_data = self.tokenizer.encode_data
        if node.observation is None:
            return tuple(encode_data("\n"))
        result = result_ids(node.observation.brief, self.tokenizer)
        return (*encode_data("\n<result>"), *result, *encode_data("</result>\n"))

    def notes(self, request: Request) -> tuple[int, ...]:
        if not request.notes or not _has_actions(request):
            return ()
        return tuple(self.tokenizer.encode_data(f"<note>{note_text(request.notes)}</note>\n"))

    def n_thinking(self, request: Request) -> int:
        return request.think_tokens + MARK_TOKENS if self._thinking and request.think_tokens else 0

    def grammar(self, request: Request) -> str:
        rule = None
        if self._thinking is not None and request.think_tokens:
            rule = self._thinking.rule(request.think_tokens, is_open=self._is_open(request))
        return tagged_grammar(request.prompt, request.path, rule)

    def kept(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        return ids[:-1] if ids and ids[-1] in self.stop_ids else ids

    def read(self, ids: Sequence[int], request: Request) -> tuple[Span, ...]:
        text = self.tokenizer.decode(ids)
        if self._thinking is not None:
            text = self._thinking.tagged(text, is_open=self._is_open(request))
        return read_tagged(text, request.prompt.tools)

    def _is_open(self, request: Request) -> bool:
        """Whether the next action begins inside thinking that the template has opened."""
        return (
            request.think_tokens > 0 and not _has_actions(request) and self._frame(is_thinking=True).is_open
        )

    def _began_thinking(self, request: Request) -> bool:
        """Whether the first action of the turn was, or is to be, thought about: the template's end depends on it."""
        if self._thinking is None:
            return False
        first = next((node for node in request.path if node.action is not None), None)
        if first is None:
            return request.think_tokens > 0
        return self._thinking.closing in self.tokenizer.decode(first.token_ids)

    def _frame(self, *, is_thinking: bool) -> _Frame:
        if is_thinking not in self._frames:
            self._frames[is_thinking] = self._rendered(is_thinking=is_thinking)
        return self._frames[is_thinking]

    def _rendered(self, *, is_thinking: bool) -> _Frame:
        nonces = [f"N{secrets.token_hex(16)}N" for _ in range(2)]
        messages = ({"role": "system", "content": nonces[0]}, {"role": "user", "content": nonces[1]})
        text = self.tokenizer.chat(messages, is_thinking=is_thinking)
        assert text.count(nonces[0]) == text.count(nonces[1]) == 1
        before, rest = text.split(nonces[0])
        between, after = rest.split(nonces[1])
        is_open = self._thinking is not None and after.rstrip().endswith(self._thinking.opening)
        if self._thinking is not None and is_open and not is_thinking:  # a template without a switch
            after, is_open = f"{after.rstrip()}\n\n{self._thinking.closing}\n\n", False
        return _Frame(before, between, after, is_open)


def _has_actions(request: Request) -> bool:
    return any(node.action is not None for node in request.path)
