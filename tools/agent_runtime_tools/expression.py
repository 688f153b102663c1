"""Tokens to a program: the one grammar in front of every evaluator.

The result is a flat list of postfix instructions, so that evaluating it needs no recursion: 20,000 terms are a
loop. Names are resolved here against the vocabulary; what is not in it never reaches an evaluator.

    statement  = [name "="] relation { "," relation } ["=" | "?"]     several relations: a system to solve
    relation   = sum [ ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=") sum [".." sum] | "->" sum ]
    sum        = product { ("+" | "-") product }
    product    = signed { ("*" | "/" | "//" | "%" | "of" | "off" | nothing) signed }
    signed     = { "-" | "+" } power
    power      = postfix [ ("**" | "^") signed ]                      right-associative
    postfix    = atom { "!" | "!!" | "%" | "²" | "³" | "°" }     number unit ["^" signed]: the unit's exponent

`%` is a modulo where an operand follows, else per cent. `!=` is "not equal": write `5! = 120` with a space.
"""

import difflib
from fractions import Fraction
from typing import Any, NamedTuple

from agent_runtime_tools.tokens import CalculationError, Token, tokenize
from agent_runtime_tools.vocabulary import (
    ANGLES,
    CONSTANTS,
    CONVERSION_WORDS,
    FUNCTIONS,
    GREEK,
    MANY,
    OPERATOR_WORDS,
    SCALES,
    UNITS,
)

MAX_DEPTH = 50  # nine frames of Python a level
RELATIONS = {word: word for word in ("=", "==", "!=", "<", "<=", ">", ">=")} | {
    "<>": "!=",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
}
POSTFIX = {"!": "!", "!!": "!!", "°": "degree"}
SUPERSCRIPTS = {"²": 2, "³": 3}
OPERAND_STARTS = frozenset({"number", "name", "(", "[", "√"})


class Instruction(NamedTuple):
    """One postfix step: `op` takes `n` values off the stack and puts one on it; `value` is its constant."""

    op: str
    value: int | Fraction | str = 0
    n: int = 0


Program = list[Instruction]


def parse(text: str) -> Program:
    """Compile one line into a program.

    Raises:
        CalculationError: It is no calculation, or names something that is unknown.
    """
    return _Parser(tokenize(text)).statement()


def encode(program: Program) -> list[list[object]]:
    """A program as JSON: numbers as pairs of whole numbers."""
    return [
        [op, value if isinstance(value, str) else [value.numerator, value.denominator], n]
        for op, value, n in program
    ]


def decode(items: list[list[Any]]) -> Program:
    """The inverse of `encode`."""
    return [Instruction(op, value if isinstance(value, str) else _ratio(*value), n) for op, value, n in items]


def _ratio(numerator: int, denominator: int) -> int | Fraction:
    return numerator if denominator == 1 else Fraction(numerator, denominator)


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._index = 0
        self._depth = 0
        self._program: Program = []
        self._has_units = any(_names_unit(token) for token in tokens)

    def statement(self) -> Program:
        self._skip_assignment()
        n_parts = 1
        self._relation()
        while self._take(","):
            n_parts += 1
            self._relation()
        if self._kind() == "=" and self._tokens[self._index + 1].kind == "end":
            self._index += 1
        if self._kind() != "end":
            raise CalculationError(f"unexpected {self._tokens[self._index].text!r}: is an operator missing?")
        if n_parts > 1:
            self._system(n_parts)
        return self._program

    # --- the grammar, loosest first

    def _relation(self) -> None:
        self._sum()
        kind = self._kind()
        if kind in RELATIONS and self._tokens[self._index + 1].kind != "end":
            self._index += 1
            self._sum()
            if self._take(".."):
                self._sum()
                self._emit("range", n=3)
            else:
                self._emit("relation", RELATIONS[kind], 2)
        elif kind in ("->", "→"):
            self._index += 1
            self._sum()
            self._emit("approach", n=2)
        if self._kind() in RELATIONS and self._tokens[self._index + 1].kind != "end":
            raise CalculationError("two relations in one: write them apart")

    def _sum(self) -> None:
        self._descend()
        self._product()
        while (operator := self._operator()) in ("+", "-"):
            self._index += 1
            self._product()
            self._emit(operator, n=2)
        if operator == "convert":
            self._index += 1
            self._product()
            self._emit("convert", n=2)
        self._depth -= 1

    def _product(self) -> None:
        self._signed()
        while True:
            operator = self._operator()
            if operator in ("*", "/", "//", "%", "of", "off"):
                self._index += 1
                self._signed()
                self._emit("*" if operator == "of" else operator, n=2)
            elif operator == "" and self._kind() in ("name", "(", "[", "√"):
                self._power()
                self._emit("*", n=2)
            else:
                return

    def _signed(self) -> None:
        is_negative = False
        while (kind := self._kind()) in ("-", "+"):
            is_negative ^= kind == "-"
            self._index += 1
        self._power()
        if is_negative:
            self._emit("negate", n=1)

    def _power(self) -> None:
        self._postfix()
        if self._kind() in ("**", "^"):
            self._index += 1
            self._descend()
            self._signed()
            self._depth -= 1
            self._emit("**", n=2)

    def _postfix(self) -> None:
        is_number = self._kind() == "number"
        self._atom()
        if is_number and self._is_unit():  # 100 km / 2 h: a number holds its unit fast
            self._unit()
            self._emit("*", n=2)
            self._smaller_units()
        while True:
            kind = self._kind()
            if kind in POSTFIX:
                self._emit(POSTFIX[kind], n=1)
            elif kind in SUPERSCRIPTS:
                self._superscript(kind)
            elif (kind == "%" and not self._is_operand(self._index + 1)) or self._is_word("percent"):
                self._emit("percent", n=1)
            else:
                return
            self._index += 1

    def _unit(self) -> None:
        """A unit after its number: an exponent is the unit's alone, 3 ft^2 are three square feet."""
        self._atom()
        if self._take("**") or self._take("^"):
            self._descend()
            self._signed()
            self._depth -= 1
            self._emit("**", n=2)
        elif (kind := self._kind()) in SUPERSCRIPTS:
            self._index += 1
            self._superscript(kind)

    def _superscript(self, kind: str) -> None:
        self._emit("number", SUPERSCRIPTS[kind])
        self._emit("**", n=2)

    def _atom(self) -> None:
        token = self._tokens[self._index]
        self._index += 1
        if token.kind == "number":
            self._emit("number", token.number)
        elif token.kind == "name":
            self._name(token.text)
        elif token.kind == "(":
            self._group()
        elif token.kind == "[":
            self._emit("list", n=self._arguments("]"))
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

    def _group(self) -> None:
        n = self._arguments(")")
        if n == 0:
            raise CalculationError("an empty pair of parentheses")
        if n > 1:
            self._emit("list", n=n)

    def _name(self, name: str) -> None:
        """Emit what a name stands for. A function counts as one only before an opening parenthesis."""
        function = FUNCTIONS.get(name) or FUNCTIONS.get(name.lower())
        if function is not None and self._kind() == "(" and name != "n":
            self._index += 1
            n = self._arguments(")")
            if not function.min_args <= n <= function.max_args:
                raise CalculationError(_arity(name, function.min_args, function.max_args, n))
            self._emit("call", function.name, n)
        elif constant := CONSTANTS.get(name) or CONSTANTS.get(name.lower()):
            self._emit("constant", constant)
        elif name in SCALES:
            self._emit("number", SCALES[name])
        elif _is_symbol(name):
            self._emit("symbol", name)
        elif name in ANGLES:
            self._emit("angle", ANGLES[name])
        elif name in UNITS:
            self._emit("unit", name)
        else:
            raise CalculationError(_unknown(name, is_call=self._kind() == "("))

    def _arguments(self, closing: str) -> int:
        if self._take(closing):
            return 0
        n = 1
        self._relation()
        while self._take(","):
            n += 1
            self._relation()
        self._expect(closing)
        if n > MANY:
            raise CalculationError(f"{n} values in one list: at most {MANY}")
        return n

    # --- small steps

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise CalculationError(f"nested too deeply: at most {MAX_DEPTH} levels")

    def _kind(self) -> str:
        return self._tokens[self._index].kind

    def _take(self, kind: str) -> bool:
        if self._tokens[self._index].kind != kind:
            return False
        self._index += 1
        return True

    def _expect(self, kind: str) -> None:
        if not self._take(kind):
            raise CalculationError(f"{kind!r} is missing")

    def _emit(self, op: str, value: int | Fraction | str = 0, n: int = 0) -> None:
        self._program.append(Instruction(op, value, n))

    def _operator(self) -> str:
        """The binary operator that comes next; "" where none is written."""
        token = self._tokens[self._index]
        if token.kind != "name":
            return token.kind if token.kind not in OPERAND_STARTS else ""
        following = self._tokens[self._index + 1]
        if token.text in OPERATOR_WORDS:
            return OPERATOR_WORDS[token.text]
        if token.text == "divided" and following.text == "by":
            self._index += 1
            return "/"
        if (
            token.text == "x"
            and following.kind == "number"
            and self._tokens[self._index - 1].kind == "number"
        ):
            return "*"  # 12 x 3
        if (
            token.text in CONVERSION_WORDS
            and following.kind == "name"
            and following.text not in CONVERSION_WORDS
        ):
            return "convert"
        return ""

    def _smaller_units(self) -> None:
        """5 feet 3 inches is one length."""
        while self._has_units and self._kind() == "number":
            self._atom()
            if not self._is_unit():
                raise CalculationError("a unit is missing after the second number, as in 5 feet 3 inches")
            self._unit()
            self._emit("*", n=2)
            self._emit("+", n=2)

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
            return token.text not in OPERATOR_WORDS and token.text not in CONVERSION_WORDS
        return token.kind in OPERAND_STARTS

    def _skip_assignment(self) -> None:
        """`= 3*4` and `total = 3*4` are worth what stands on the right."""
        first, second = self._tokens[0], self._tokens[min(1, len(self._tokens) - 1)]
        if first.kind == "=":
            self._index = 1
        elif first.kind == "name" and second.kind == "=" and not _is_known(first.text):
            self._index = 2

    def _system(self, n_parts: int) -> None:
        if any(instruction.op == "relation" for instruction in self._program):
            self._emit("list", n=n_parts)
            self._emit("call", "solve", 1)
        else:
            raise CalculationError(
                "a comma between two values: 1,234 is one number; for a list write [1, 234]"
            )


def _names_unit(token: Token) -> bool:
    """Whether a token says that the line is about units; one letter alone is a variable."""
    return token.kind == "name" and len(token.text) > 1 and (token.text in UNITS or token.text == "to")


def _is_symbol(name: str) -> bool:
    return name in GREEK or (len(name) == 1 and name.isalpha()) or (name[1:].lstrip("_").isdecimal())


def _is_known(name: str) -> bool:
    return _is_symbol(name) or name in CONSTANTS or name in UNITS or name in ANGLES or name in SCALES


def _arity(name: str, min_args: int, max_args: int, n: int) -> str:
    takes = str(min_args) if min_args == max_args else f"{min_args} to {max_args}"
    hint = "; write numbers inside a call without thousands separators" if n > max_args else ""
    return f"{name} takes {takes} arguments, not {n}{hint}"


def _unknown(name: str, *, is_call: bool) -> str:
    name = name[:40]
    if name.lower() in FUNCTIONS:
        return f"write {name}(...) with parentheses"
    near = difflib.get_close_matches(name.lower(), [*FUNCTIONS, *UNITS], n=2, cutoff=0.75)
    hints = [f"did you mean {' or '.join(near)}?"] if near else []
    if not is_call:
        hints.append("a variable is one letter, such as x")
    return f"unknown {'function' if is_call else 'name'} {name!r}: {' '.join(hints) or 'write sqrt(x), sum(1, 2), ...'}"
