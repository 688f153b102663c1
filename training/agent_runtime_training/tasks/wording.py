"""Wordings from small grammars: `[a|b]` picks one at random (nests, may be empty), `{name}` is filled in.

Training and held-out wordings are two lists that share no template; the split is by list, so a held-out
question is one that no draw of the training list can give. They are data: one file of `wordings/` a family.
"""

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_runtime_training.tasks.example import Split

FOLDER = Path(__file__).with_name("wordings")
_INNERMOST = re.compile(r"\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True)
class Wordings:
    """The ways to ask for one thing."""

    train: tuple[str, ...]
    heldout: tuple[str, ...]

    def of(self, split: Split) -> tuple[str, ...]:
        return self.train if split == "train" else self.heldout


def read(name: str) -> dict[str, Any]:
    """A file of `wordings/`, without its ending."""
    with (FOLDER / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def read_wordings(family: str) -> dict[str, Wordings]:
    """How a family's questions are worded, by their kinds."""
    return {
        kind: Wordings(tuple(lists["train"]), tuple(lists["heldout"])) for kind, lists in read(family).items()
    }


def expand(template: str, rng: random.Random) -> str:
    """Decide every alternative of a template; its `{fields}` stay."""
    while match := _INNERMOST.search(template):
        choice = rng.choice(match.group(1).split("|"))
        template = template[: match.start()] + choice + template[match.end() :]
    return re.sub(r" +", " ", template).strip()


def word(template: str, rng: random.Random, fields: Mapping[str, str]) -> str:
    """One wording of a template, its fields filled in; what is filled in is never expanded itself."""
    text = expand(template, rng).format(**fields)
    return text[:1].upper() + text[1:]


def count_forms(template: str) -> int:
    """How many surface forms a template has, whatever is filled in."""
    match = _INNERMOST.search(template)
    if match is None:
        return 1
    head, tail = template[: match.start()], template[match.end() :]
    return sum(count_forms(head + choice + tail) for choice in match.group(1).split("|"))


# What people put before and after a question. The empty one is the most frequent.
_OPENINGS = Wordings(
    ("", "", "", "", "Please help: ", "Quick question. ", "Hi! ", "From the data given: ", "For the file: "),
    ("", "", "", "Next item: ", "Could somebody check this? ", "Analyst request - "),
)
_CLOSINGS = Wordings(
    ("", "", "", "", " Just give the result.", " Thanks.", " Keep it short.", " Use the data."),
    ("", "", "", " A brief reply is enough.", " Cheers!", " No explanation needed."),
)
_ABOUT_DATA = ("From the data given: ", "For the file: ", " Use the data.", "Analyst request - ")


def frame(question: str, split: Split, rng: random.Random, has_data: bool) -> str:
    """The question as somebody may send it: bare, with an opening or a closing, without its mark."""
    if rng.random() < 0.08:
        question = question.rstrip("?.")
    opening, closing = (
        rng.choice([text for text in wordings.of(split) if has_data or text not in _ABOUT_DATA])
        for wordings in (_OPENINGS, _CLOSINGS)
    )
    return opening + question + closing


def pick(rng: random.Random, *templates: str, **fields: str) -> str:
    """One of several short phrasings of a thought or a plan item."""
    return word(rng.choice(templates), rng, fields)


def template_key(kind: str, split: Split, templates: Sequence[str], template: str) -> str:
    """A stable name of a template for an example's record."""
    return f"{kind}/{split}/{templates.index(template)}"
