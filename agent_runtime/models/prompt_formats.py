"""How one loaded model speaks the protocol: its dialect, its grammar, and how its ids are read back."""

from collections.abc import Sequence
from typing import Protocol

from agent_runtime.dialogue.formats import ROLES, Dialect, RoleTokens, TaggedText
from agent_runtime.dialogue.grammar import role_token_grammar, tagged_grammar
from agent_runtime.dialogue.parsing import BUILT_IN_TOOLS, read_ids, read_tagged
from agent_runtime.models.tokenizer import LocalTokenizer
from agent_runtime.types import Node, Prompt, Span


class Voice(Protocol):
    """A dialect in both directions."""

    dialect: Dialect
    stop_ids: frozenset[int]

    def grammar(self, prompt: Prompt, path: Sequence[Node]) -> str:
        """What the next action may look like, for llguidance."""
        ...

    def kept(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """The ids that belong to the action, without what ended the model's turn."""
        ...

    def read(self, ids: Sequence[int], prompt: Prompt) -> tuple[Span, ...]:
        """The spans of one action."""
        ...


class RoleTokenVoice:
    """Weights trained on role tokens."""

    def __init__(self, tokenizer: LocalTokenizer) -> None:
        self.dialect: Dialect = RoleTokens(tokenizer)
        self._tokenizer = tokenizer
        self._ids = {role: tokenizer.role_id(role) for role in ROLES}
        self._roles = {token: role for role, token in self._ids.items()}
        self.stop_ids = frozenset({self._ids["end"]})

    def grammar(self, prompt: Prompt, path: Sequence[Node]) -> str:
        return role_token_grammar(prompt, path, self._ids)

    def kept(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        return ids

    def read(self, ids: Sequence[int], prompt: Prompt) -> tuple[Span, ...]:
        return read_ids(ids, self._roles, self._tokenizer.decode)


class TaggedVoice:
    """Any other chat model: literal tags."""

    def __init__(self, tokenizer: LocalTokenizer) -> None:
        self.dialect: Dialect = TaggedText(tokenizer)
        self._tokenizer = tokenizer
        self.stop_ids = tokenizer.end_ids

    def grammar(self, prompt: Prompt, path: Sequence[Node]) -> str:
        return tagged_grammar(prompt, path)

    def kept(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        return ids[:-1] if ids and ids[-1] in self.stop_ids else ids

    def read(self, ids: Sequence[int], prompt: Prompt) -> tuple[Span, ...]:
        tools = tuple(tool.name for tool in prompt.tools) or BUILT_IN_TOOLS
        return read_tagged(self._tokenizer.decode(ids), tools)
