"""How a model is spoken to: a question and a path of actions -> the token ids that it reads before the next action.

Ids are joined, never text: what a model sampled is fed back as the very ids it sampled, and everything that comes from
outside (question, context, results) is encoded by itself with special tokens split, so that no text can forge a role
token or a turn.

A format also says what may come next (`grammar`) and reads what came (`parsing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent_runtime.types import Action, Node, Prompt, Request, Span

# A result longer than this is cut before a model reads it; the evidence keeps all of it. The rows of one
# result (10 at most) take 150 tokens as a rule.
RESULT_TOKENS = 512
CUT_MARK = " … (cut)"


class Tokenizer(Protocol):
    """What is asked of a tokenizer."""

    def encode(self, text: str) -> Sequence[int]:
        """Encode text of ours; special tokens in it are special."""
        ...

    def encode_data(self, text: str) -> Sequence[int]:
        """Encode text from outside; special tokens in it are split into ordinary ones."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, byte for byte."""
        ...

    def role_id(self, role: str) -> int:
        """The id of a role token (`plan`, `step`, `end`, ...)."""
        ...


class ChatTokenizer(Tokenizer, Protocol):
    """A tokenizer with a chat template."""

    @property
    def end_ids(self) -> frozenset[int]:
        """The ids that end a turn of the model's chat form."""
        ...

    @property
    def template(self) -> str:
        """The chat template as it is written."""
        ...

    def chat(self, messages: Sequence[Mapping[str, str]], *, is_thinking: bool = False) -> str:
        """Render messages up to where the assistant's turn begins.

        `is_thinking` sets the template's own switch, where it has one.
        """
        ...

    def added_id(self, text: str) -> int | None:
        """The id of `text` where it is one added token of the tokenizer."""
        ...

    def is_special(self, token: int) -> bool:
        """Whether a token is special: no text spells it."""
        ...


SegmentKind = Literal["prompt", "written", "forced"]


@dataclass(frozen=True, slots=True)
class Segment:
    """Ids with their origin: of the prompt, written by the model, or forced into its stream."""

    kind: SegmentKind
    ids: tuple[int, ...]


class PromptFormat(Protocol):
    """One wire form of the protocol, in both directions."""

    @property
    def stop_ids(self) -> frozenset[int]:
        """The ids that end an action."""
        ...

    def head(self, request: Request) -> tuple[int, ...]:
        """All that a model reads before its first action."""
        ...

    def write(self, action: Action) -> tuple[int, ...]:
        """The ids of an action that no model wrote, say of a hand-made path."""
        ...

    def force(self, node: Node) -> tuple[int, ...]:
        """What the runtime adds after a node's action: a missing end, and the result of its check."""
        ...

    def notes(self, request: Request) -> tuple[int, ...]:
        """What is said between the path and the next action."""
        ...

    def n_thinking(self, request: Request) -> int:
        """How many tokens the model may think before its action, its marks included."""
        ...

    def grammar(self, request: Request) -> str:
        """What the next action may look like, for llguidance."""
        ...

    def kept(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """The ids that belong to the action, without what ended the model's turn."""
        ...

    def read(self, ids: Sequence[int], request: Request) -> tuple[Span, ...]:
        """The spans of the action that was sampled for a request."""
        ...


def segments(form: PromptFormat, request: Request) -> tuple[Segment, ...]:
    """Everything that a model reads before the next action, in order."""
    parts = [Segment("prompt", form.head(request))]
    for node in request.path:
        if node.action is None:
            continue
        if node.token_ids:
            parts.append(Segment("written", node.token_ids))
        else:
            parts.append(Segment("prompt", form.write(node.action)))
        parts.append(Segment("forced", form.force(node)))
    if notes := form.notes(request):
        parts.append(Segment("forced", notes))
    return tuple(parts)


def joined(parts: Sequence[Segment]) -> tuple[int, ...]:
    """The ids of all segments, one after the other."""
    return tuple(token for part in parts for token in part.ids)


def user_text(prompt: Prompt) -> str:
    """The question with its context."""
    return f"{prompt.question}\n{prompt.context}" if prompt.context else prompt.question


def result_ids(brief: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Encode what a tool said, cut at `RESULT_TOKENS`."""
    ids = tokenizer.encode_data(brief)
    if len(ids) <= RESULT_TOKENS:
        return tuple(ids)
    return (*ids[:RESULT_TOKENS], *tokenizer.encode_data(CUT_MARK))
