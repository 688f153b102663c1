"""Traces as token ids with what each token is good for, by the very encoder that inference uses.

Loss falls on the model's own tokens alone: the prompt, results, what the grammar forced, and actions marked as
mistakes are read but not learned. Where a step ends is kept: there the judge's verdict is read.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from agent_runtime.dialogue.parsing import parse
from agent_runtime.dialogue.prompt_format import Tokenizer
from agent_runtime.dialogue.role_tokens import RoleTokens, read_ids
from agent_runtime.errors import ActionSyntaxError
from agent_runtime.models.embedded.roles import ROLES
from agent_runtime.types import FinalAnswer, Malformed, Node, Plan, Prompt, Step
from agent_runtime_training.tasks.example import Example

TURN_END = "<|im_end|>"


@dataclass(frozen=True, slots=True)
class Sample:
    """One sequence. `is_own[i]`: token i was written by the model and is to be learned.

    `step_ends`: (node id, position) of the token that closes each step; the position's logits are the judge's.
    """

    ids: tuple[int, ...]
    is_own: tuple[bool, ...]
    step_ends: tuple[tuple[int, int], ...] = ()
    labels: tuple[float | None, ...] = ()  # P(good) wanted at each step end; None where nothing is known

    def __len__(self) -> int:
        return len(self.ids)


def encode(
    prompt: Prompt, path: Sequence[Node], tokenizer: Tokenizer, unlearned: Collection[int] = ()
) -> Sample:
    """A path as one sample; the actions of the nodes in `unlearned` are read but not learned."""
    roles = {tokenizer.role_id(role): role for role in ROLES}
    form = RoleTokens(tokenizer)
    ids = list(form.head_of(prompt))
    is_own = [False] * len(ids)
    step_ends: list[tuple[int, int]] = []
    for recorded in path:
        if recorded.action is None or isinstance(recorded.action, Malformed):
            continue
        node = _in_own_ids(recorded, tokenizer, roles)
        assert node.action is not None
        written = node.token_ids or form.write(node.action)
        is_learned = node.id not in unlearned
        ids += written
        is_own += [is_learned and not forced for forced in _forced(node, len(written))]
        added = form.force(node)
        ids += added
        is_own += [False] * len(added)
        if isinstance(node.action, Step):
            step_ends.append((node.id, len(ids) - 1))
    if isinstance(path[-1].action, FinalAnswer):
        closing = tokenizer.encode(TURN_END)
        ids += closing
        is_own += [path[-1].id not in unlearned] * len(closing)
    return Sample(tuple(ids), tuple(is_own), tuple(step_ends))


def _in_own_ids(node: Node, tokenizer: Tokenizer, roles: dict[int, str]) -> Node:
    """The node with its ids as recorded where this tokenizer reads its action from them, else without ids."""
    try:
        is_own = parse(read_ids(node.token_ids, roles, tokenizer.decode)) == node.action
    except ActionSyntaxError:
        is_own = False
    return node if is_own or not node.token_ids else replace(node, token_ids=(), logprobs=())


def _forced(node: Node, n_written: int) -> list[bool]:
    """Which tokens of an action the grammar left no choice about: the engine gives them log-probability 0.

    A hand-made action has no record; then only the role of a first plan is certain to be forced.
    """
    if node.token_ids and len(node.logprobs) == n_written:
        return [logprob == 0.0 for logprob in node.logprobs]
    return [isinstance(node.action, Plan) and node.depth == 1, *([False] * (n_written - 1))]


def encode_example(example: Example, tokenizer: Tokenizer) -> Sample:
    """A generated example; its mistakes are not learned and are labelled bad, its other steps good."""
    path = example.path()
    mistakes = {node.id for node, turn in zip(path[1:], example.turns, strict=True) if turn.is_mistake}
    sample = encode(Prompt(example.question, example.context), path, tokenizer, mistakes)
    labels = tuple(0.0 if node_id in mistakes else 1.0 for node_id, _ in sample.step_ends)
    return replace(sample, labels=labels)


@dataclass(frozen=True, slots=True)
class Packed:
    """Samples laid end to end in one row. `owners[i]` is the number of the sample that token i belongs to."""

    samples: tuple[Sample, ...]

    @property
    def ids(self) -> list[int]:
        return [token for sample in self.samples for token in sample.ids]

    @property
    def is_own(self) -> list[bool]:
        return [own for sample in self.samples for own in sample.is_own]

    @property
    def owners(self) -> list[int]:
        return [number for number, sample in enumerate(self.samples) for _ in sample.ids]

    @property
    def positions(self) -> list[int]:
        return [position for sample in self.samples for position in range(len(sample))]

    @property
    def judged(self) -> list[tuple[int, float]]:
        """(place in the row, wanted P(good)) of every labelled step end."""
        found, start = [], 0
        for sample in self.samples:
            for (_, position), label in zip(sample.step_ends, sample.labels, strict=False):
                if label is not None:
                    found.append((start + position, label))
            start += len(sample)
        return found


def pack(samples: Iterable[Sample], row_tokens: int) -> Iterator[Packed]:
    """Rows of at most `row_tokens`, filled in the order given; a sample longer than a row is left out."""
    row: list[Sample] = []
    n_tokens = 0
    for sample in samples:
        if len(sample) > row_tokens:
            continue
        if n_tokens + len(sample) > row_tokens:
            yield Packed(tuple(row))
            row, n_tokens = [], 0
        row.append(sample)
        n_tokens += len(sample)
    if row:
        yield Packed(tuple(row))
