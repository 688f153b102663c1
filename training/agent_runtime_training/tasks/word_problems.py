"""Templates of word problems, read from `wordings/arithmetic.toml`, which says how they are written."""

from dataclasses import dataclass, field
from fractions import Fraction
from types import CodeType

from agent_runtime_training.tasks.wording import read

_KNOWN = {"__builtins__": {"sum": sum, "range": range}}  # what a solution may use besides its numbers


@dataclass(frozen=True, slots=True)
class WordProblem:
    """One template. `solution` is its oracle: an expression in Python over the template's numbers."""

    text: str
    numbers: str
    steps: str
    solution: str
    _code: CodeType = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the solution, once."""
        object.__setattr__(self, "_code", compile(self.solution, "wordings/arithmetic.toml", "eval"))

    def solve(self, **numbers: int | Fraction) -> object:
        """The answer for these numbers."""
        return eval(self._code, {**_KNOWN, **numbers})  # noqa: S307 - our own file


TRAIN, HELDOUT = (
    tuple(WordProblem(**problem) for problem in read("arithmetic")[split]) for split in ("train", "heldout")
)
