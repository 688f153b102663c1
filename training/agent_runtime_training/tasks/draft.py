"""From a drawn task to a verified example: ask in words, compare teacher and oracle, give it an id.

A generator is a mapping from kind to a builder; a builder draws one task, lets the teacher solve it and says what
the oracle, which never sees the teacher's queries, finds. Where the two differ there is a bug, and it raises.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agent_runtime.types import FinalAnswer
from agent_runtime_training.tasks.checking import is_right, is_rounded_otherwise
from agent_runtime_training.tasks.example import Example, Split, TableData
from agent_runtime_training.tasks.teacher import Rejected, Teacher, TeacherError
from agent_runtime_training.tasks.wording import Wordings, frame, template_key, word

MAX_DRAWS = 200  # more rejected draws in a row mean that a builder cannot succeed


@dataclass(frozen=True, slots=True)
class Draft:
    """A task that a builder has drawn and the teacher has solved."""

    teacher: Teacher
    fields: Mapping[str, str]
    oracle: str
    tables: Sequence[TableData] = ()
    files: Sequence[tuple[str, str]] = ()
    command: Sequence[str] = ()
    context: str = ""
    wordings: Wordings | None = None  # where the wording depends on what was drawn
    template: str = ""  # names the wording, where a builder has chosen it itself


Builder = Callable[[random.Random, Split], Draft]


@dataclass(frozen=True, slots=True)
class Family:
    """One generator: its kinds, how each is asked, and how often each is drawn (1 where not said)."""

    name: str
    builders: Mapping[str, Builder]
    wordings: Mapping[str, Wordings] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)

    def generate(self, n: int, seed: int, split: Split) -> Iterator[Example]:
        """`n` examples; the same for the same arguments, and each independent of the others."""
        kinds = list(self.builders)
        weights = [self.weights.get(kind, 1.0) for kind in kinds]
        for index in range(n):
            name = f"{self.name}-{split}-{seed}-{index}"
            rng = random.Random(name)
            kind = rng.choices(kinds, weights)[0]
            yield self._example(name, kind, split, rng)

    def example(self, kind: str, seed: int, split: Split) -> Example:
        """One example of one kind."""
        name = f"{self.name}-{kind}-{split}-{seed}"
        return self._example(name, kind, split, random.Random(name))

    def _example(self, name: str, kind: str, split: Split, rng: random.Random) -> Example:
        draft = self._draw(kind, split, rng)
        wordings = draft.wordings or self.wordings[kind]
        templates = wordings.of(split)
        template = rng.choice(templates)
        question = word(template, rng, draft.fields)
        context = draft.context or "\n".join(table.context() for table in draft.tables)
        return Example(
            id=name,
            family=self.name,
            kind=kind,
            split=split,
            question=frame(question, split, rng, has_data=bool(draft.tables)),
            answer=draft.oracle,
            turns=tuple(draft.teacher.turns),
            template=draft.template or template_key(kind, split, templates, template),
            tables=tuple(draft.tables),
            files=tuple(draft.files),
            command=tuple(draft.command),
            context=context,
        )

    def _draw(self, kind: str, split: Split, rng: random.Random) -> Draft:
        for _ in range(MAX_DRAWS):
            try:
                draft = self.builders[kind](rng, split)
                verify(kind, draft)
            except Rejected:
                continue
            return draft
        raise TeacherError(f"{self.name}/{kind}: no task with a single answer in {MAX_DRAWS} draws")


def verify(kind: str, draft: Draft) -> None:
    """Hold the teacher's last word against the oracle's.

    Raises:
        Rejected: They differ by how a tie was rounded.
        TeacherError: They differ otherwise, or the trace has no answer.
    """
    last = draft.teacher.turns[-1].action
    if not isinstance(last, FinalAnswer):
        raise TeacherError(f"{kind}: the trace ends in {last.kind!r}, not in an answer")
    if not is_right(last.text, draft.oracle):
        if is_rounded_otherwise(last.text, draft.oracle):
            raise Rejected
        raise TeacherError(f"{kind}: the teacher says {last.text!r}, the oracle {draft.oracle!r}")
