"""The grammar's atoms: numbers, names, groups and lists."""

import difflib
from fractions import Fraction

from agent_runtime_tools.calls import Calls
from agent_runtime_tools.literals import proper
from agent_runtime_tools.tokens import CalculationError, Token
from agent_runtime_tools.vocabulary import (
    AMBIGUOUS,
    ANGLES,
    CONSTANTS,
    CONVERSION_WORDS,
    FUNCTIONS,
    ROMAN,
    SCALES,
    UNITS,
    is_symbol,
    read_roman,
)


class Atoms(Calls):
    """The rules that end in one value; those above them are the parser's."""

    def _sum(self) -> None:
        raise NotImplementedError

    def _atom(self) -> None:
        token = self._tokens[self._index]
        self._index += 1
        if token.kind == "number":
            self._number(token)
        elif token.kind == "name":
            self._name(token.text)
        elif token.kind == "(":
            self._group()
        elif token.kind == "[":
            n = self._arguments("]")
            if n != 1 or self._program[-1].op != "keep":  # a comprehension is its own list
                self._emit("list", n=n)
        elif token.kind == "√":
            self._descend()
            self._postfix()
            self._depth -= 1
            self._emit("call", "sqrt", 1)
        elif token.kind == "|":
            self._sum()
            self._expect("|")
            self._emit("call", "abs", 1)
        elif token.kind == "end":
            raise CalculationError("the expression ends too early: an operand is missing")
        else:
            raise CalculationError(f"an operand is missing before {token.text!r}")

    def _number(self, token: Token) -> None:
        """A number; `2 1/2` is a mixed one, `1/2 cup` half a cup."""
        kind = self._kinds[self._index]
        may_be_part = kind == "number" or (kind == "/" and self._has_units)
        fraction = self._fraction(token) if may_be_part else None
        self._emit("number", token.number if fraction is None else fraction)

    def _fraction(self, token: Token) -> Fraction | None:
        tokens, index = self._tokens, self._index
        before = tokens[index - 2].kind if index > 1 else ""
        if not isinstance(token.number, int) or before in ("^", "**", "/", "number"):
            return None
        if (part := proper(tokens, index)) is not None and tokens[index].gap:
            self._index += 3
            return Fraction(token.number + part)
        part = proper(tokens, index - 1, any_size=True)
        if part is not None and self._has_units and tokens[index + 2].kind == "name":
            name = tokens[index + 2].text
            if name in UNITS and (name != "in" or tokens[index + 3].text in CONVERSION_WORDS):
                self._index += 2
                return part
        return None

    def _group(self) -> None:
        n = self._arguments(")")
        if n == 0:
            raise CalculationError("an empty pair of parentheses")
        if n > 1:
            self._emit("list", n=n)

    def _name(self, name: str) -> None:
        """Emit what a name stands for. A function without parentheses takes what follows it closely."""
        function = FUNCTIONS.get(name) or FUNCTIONS.get(name.lower())
        is_called = self._kind() == "("
        if name in AMBIGUOUS:
            raise CalculationError(f"{name} has several readings: write {AMBIGUOUS[name]}")
        if function is not None and is_called and name != "n":
            self._call(name, function)
        elif (is_called and self._letter_call(name)) or self._word(name) or self._numeral(name):
            return
        elif function is not None and self._can_apply(function):
            self._apply(name, function)
        elif self._has_conversion and not is_called and name.replace("_", "").isalpha() and len(name) > 2:
            self._emit("unit", name)
        else:
            raise CalculationError(_unknown(name, is_call=is_called))

    def _word(self, name: str) -> bool:
        """A constant, a scale, a variable, an angle, a unit."""
        if constant := CONSTANTS.get(name) or CONSTANTS.get(name.lower()):
            self._emit("constant", constant)
        elif name in SCALES:
            self._emit("number", SCALES[name])
        elif is_symbol(name):
            self._emit("symbol", name)
        elif name in ANGLES:
            self._emit("angle", ANGLES[name])
        elif name in UNITS:
            self._emit("unit", name)
        else:
            return False
        return True

    def _numeral(self, name: str) -> bool:
        """`log_2 8`, MCMXCIV."""
        if name.startswith("log_") and name[4:].isdecimal():
            self._logarithm(int(name[4:]))
        elif ROMAN.fullmatch(name) and len(name) > 1:
            self._emit("number", read_roman(name))
        else:
            return False
        return True


def _unknown(name: str, *, is_call: bool) -> str:
    name = name[:40]
    if name in ("today", "now", "tomorrow", "yesterday"):
        return f"{name} is not known here: write the date, such as 2024-03-01"
    if name in ("if", "then", "else", "not"):
        return f"no conditions here ({name}): write the relation alone, such as 5 > 3"
    if name.lower() in FUNCTIONS:
        return f"write {name}(...) with parentheses"
    near = difflib.get_close_matches(name.lower(), [*FUNCTIONS, *UNITS], n=2, cutoff=0.75)
    hints = [f"did you mean {' or '.join(near)}?"] if near else []
    if not is_call:
        hints.append("a variable is one letter, such as x")
    return f"unknown {'function' if is_call else 'name'} {name!r}: {' '.join(hints) or 'write sqrt(x), sum(1, 2), ...'}"
