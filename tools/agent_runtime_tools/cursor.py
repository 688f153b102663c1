"""The place in a list of tokens where a parser stands, and what it can tell from the tokens around it."""

from fractions import Fraction

from agent_runtime_tools.program import Instruction, Program
from agent_runtime_tools.tokens import CalculationError, Token
from agent_runtime_tools.vocabulary import (
    AMBIGUOUS,
    ANGLES,
    CONSTANTS,
    CONVERSION_WORDS,
    FUNCTIONS,
    OPERATION_WORDS,
    OPERATOR_WORDS,
    SCALES,
    UNITS,
    is_symbol,
)

MAX_DEPTH = 50  # nine frames of Python a level
OPERAND_STARTS = frozenset({"number", "name", "(", "[", "√"})
WORDS = frozenset({*OPERATOR_WORDS, *CONVERSION_WORDS, "percent", "and", "or", "for", "if"})


class Cursor:
    """Reads tokens one after another and collects instructions."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._kinds = [token.kind for token in tokens]
        self._index = 0
        self._depth = 0
        self._program: Program = []
        names = [token for token in tokens if token.kind == "name"]
        self._may_be_imaginary = any(token.text in ("i", "j") for token in names)
        self._has_units = any(_names_unit(token) for token in names)
        self._has_conversion = any(token.text in ("in", "to", "into") for token in names)
        self._times = _times(tokens) if names else frozenset()

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CalculationError(f"nested too deeply: at most {MAX_DEPTH} levels")

    def _kind(self) -> str:
        return self._kinds[self._index]

    def _take(self, kind: str) -> bool:
        if self._kinds[self._index] != kind:
            return False
        self._index += 1
        return True

    def _take_word(self, *words: str) -> bool:
        token = self._tokens[self._index]
        if token.kind != "name" or token.text not in words:
            return False
        self._index += 1
        return True

    def _expect(self, kind: str) -> None:
        if not self._take(kind):
            raise CalculationError(f"{kind!r} is missing")

    def _emit(self, op: str, value: int | Fraction | str = 0, n: int = 0) -> None:
        self._program.append(Instruction(op, value, n))

    def _shown(self, start: int, end: int | None = None) -> str:
        """The source of the tokens from `start` up to `end` (here), for a message."""
        tokens = self._tokens[start : self._index if end is None else end]
        text = "".join(f" {token.text}" if token.gap else token.text for token in tokens).strip()
        return text if len(text) <= 40 else f"{text[:37]}..."

    def _operator(self) -> str:
        """The binary operator that comes next; "" where none is written."""
        kind = self._kinds[self._index]
        if kind != "name":
            return "" if kind in OPERAND_STARTS else "*" if kind == "times" else kind
        token = self._tokens[self._index]
        if token.text in OPERATOR_WORDS:
            return OPERATOR_WORDS[token.text]
        following = self._tokens[self._index + 1]
        if self._index in self._times:
            return "*"
        if token.text in ("and", "or", "for", "if"):
            return token.text
        if (
            token.text in CONVERSION_WORDS
            and following.kind == "name"
            and following.text not in CONVERSION_WORDS
        ):
            return "convert"
        return ""

    def _is_unit(self) -> bool:
        token = self._tokens[self._index]
        if token.kind != "name":
            return False
        is_unit = token.text in ANGLES or (self._has_units and token.text in UNITS)
        return is_unit and self._operator() == ""

    def _is_word(self, word: str) -> bool:
        token = self._tokens[self._index]
        return token.kind == "name" and token.text == word

    def _is_operand(self, index: int) -> bool:
        token = self._tokens[index]
        if token.kind == "name":
            return token.text not in WORDS and index not in self._times
        return token.kind in OPERAND_STARTS


def is_known(name: str) -> bool:
    """Whether a name means something without parentheses behind it."""
    return is_symbol(name) or name in CONSTANTS or name in UNITS or name in ANGLES or name in SCALES


def is_noun(token: Token) -> bool:
    """Whether a name is only a label: apples, dollars."""
    if token.kind != "name" or len(token.text) < 3 or not token.text.isalpha():
        return False
    name = token.text
    return not (
        is_known(name)
        or name.lower() in OPERATION_WORDS
        or name in WORDS
        or name in AMBIGUOUS
        or name.lower() in FUNCTIONS
    )


def _names_unit(token: Token) -> bool:
    """Whether a token says that the line is about units; one letter alone is a variable."""
    return token.kind == "name" and len(token.text) > 1 and (token.text in UNITS or token.text == "to")


def _times(tokens: list[Token]) -> frozenset[int]:
    """Where the letter x means times: between numbers, or with blanks around it before a bracket or a call.

    Raises:
        CalculationError: Another x in the line is a variable, so that this one may be one, too.
    """
    found = [i for i, token in enumerate(tokens) if token.text in ("x", "X") and token.kind == "name"]
    if not found:
        return frozenset()
    times = [i for i in found if _is_times(tokens, i)]
    between_numbers = [i for i in times if tokens[i + 1].kind == tokens[i - 1].kind == "number"]
    if len(times) == len(found):
        return frozenset(times)
    if between_numbers:
        raise CalculationError("x stands for times and for a variable: write * for times")
    return frozenset()


def _is_times(tokens: list[Token], index: int) -> bool:
    if index == 0 or tokens[index - 1].kind not in ("number", ")", "]", "%"):
        return False
    following = tokens[index + 1]
    if following.kind == "-" and following.gap and tokens[index].gap:  # 3 x -2
        return tokens[index + 2].kind == "number" and not tokens[index + 2].gap
    if following.kind == "number":
        return tokens[index - 1].kind == "number" or (tokens[index].gap and following.gap)
    is_call = following.kind == "name" and following.text.lower() in FUNCTIONS
    return (following.kind in ("(", "√") or is_call) and tokens[index].gap and following.gap
