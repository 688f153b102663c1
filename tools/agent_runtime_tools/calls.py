"""The grammar's calls: with parentheses, without them (`ln 10`, `average of 3 and 5`), over comprehensions."""

from fractions import Fraction

from agent_runtime_tools import comprehensions
from agent_runtime_tools.cursor import is_known
from agent_runtime_tools.readings import Readings
from agent_runtime_tools.tokens import CalculationError
from agent_runtime_tools.vocabulary import CONSTANTS, GREEK, MANY, Function

INVERSES = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})
CONVERSIONS = frozenset({"hex", "bin", "oct", "roman", "list", "matrix", "range"})
CALLED = frozenset({"f", "g", "h"})  # letters that people use for functions


class Calls(Readings):
    """What takes arguments; the rules of the arguments are the parser's."""

    def _logic(self) -> None:
        raise NotImplementedError

    def _postfix(self) -> None:
        raise NotImplementedError

    def _call(self, name: str, function: Function) -> None:
        self._index += 1
        n = self._arguments(")")
        if not function.min_args <= n <= function.max_args:
            raise CalculationError(_arity(name, function.min_args, function.max_args, n))
        self._emit("call", function.name, n)

    def _letter_call(self, name: str) -> bool:
        """`C(10, 3)`; `f(3)` needs a definition; a Greek name before a bracket is a function, and an unknown one."""
        if name in ("C", "P") and not self._tokens[self._index].gap:
            self._index += 1
            start = self._index
            if self._arguments(")") != 2:
                inside = self._shown(start, self._index - 1)
                raise CalculationError(
                    f"two readings: write {name}*({inside}) for a product, or {name}(n, k) for a choice"
                )
            self._emit("call", "binomial" if name == "C" else "perm", 2)
            return True
        if name in ("e", "tau") and not self._tokens[self._index].gap:
            function = "exp(...)" if name == "e" else "len(divisors(...))"
            raise CalculationError(
                f"two readings: write {name}*(...) for a product, or {function} for a function"
            )
        if name in CALLED and not self._tokens[self._index].gap:
            raise CalculationError(f"{name} is not defined: write {name}(x) = x^2; {name}(3), or {name}*(3)")
        if name in GREEK and CONSTANTS.get(name) is None:
            raise CalculationError(f"unknown function {name!r}: for a product write {name}*(...)")
        return False

    def _can_apply(self, function: Function) -> bool:
        token = self._tokens[self._index]
        if token.kind == "^":
            return self._tokens[self._index + 1].kind in ("number", "-", "(")
        if function.name in CONVERSIONS:
            return False
        return function.min_args == 1 and (token.text == "of" or self._is_operand(self._index))

    def _apply(self, name: str, function: Function) -> None:
        """`ln 10`, `sin^2 x`, `average of 3, 5 and 10`: arguments without parentheses end early, or are refused."""
        exponent = self._exponent() if self._kind() == "^" else None
        is_list = self._take_word("of") and function.max_args == MANY
        start, n = self._index, 1
        if self._kind() == "(" and exponent is not None:
            self._index += 1
            n = self._arguments(")")
        else:
            self._operand()
            while is_list and (self._take(",") or self._operator() == "and"):
                self._take_word("and")
                self._operand()
                n += 1
            self._check_applied(name, start, is_word=self._tokens[start - 1].text == "of")
        is_inverse = exponent == -1 and function.name in INVERSES
        self._emit("call", f"a{function.name}" if is_inverse else function.name, n)
        if exponent is not None and not is_inverse:
            self._emit("number", exponent)
            self._emit("**", n=2)

    def _exponent(self) -> int | Fraction:
        self._index += 1
        has_bracket = self._take("(")
        sign = -1 if self._take("-") else 1
        token = self._tokens[self._index]
        if not self._take("number") or (has_bracket and not self._take(")")):
            raise CalculationError("write (sin(x))^n with parentheses")
        return sign * token.number

    def _operand(self) -> None:
        """What a function without parentheses takes: `2x`, `-3`, `30°`, `16`."""
        self._descend()
        is_negative = self._take("-")
        is_number = self._kind() == "number"
        self._postfix()
        following = self._tokens[self._index]
        if is_number and following.kind == "name" and not following.gap and is_known(following.text):
            self._postfix()
            self._emit("*", n=2)
        if is_negative:
            self._emit("negate", n=1)
        self._depth -= 1

    def _logarithm(self, base: int) -> None:
        if self._kind() == "(":
            self._index += 1
            if self._arguments(")") != 1:
                raise CalculationError("log_2 takes 1 argument: its base is written already")
        else:
            start = self._index
            self._operand()
            self._check_applied(f"log_{base}", start, is_word=False)
        self._emit("number", base)
        self._emit("call", "log", 2)

    def _arguments(self, closing: str) -> int:
        if self._take(closing):
            return 0
        n = 1
        outer, self._nouns = self._nouns, frozenset()
        start = len(self._program)
        self._logic()
        if self._operator() == "for":
            self._comprehension(start)
            if closing == "]":
                n = self._spread(start)
        while self._take(","):
            n += 1
            self._logic()
        self._expect(closing)
        self._nouns = outer | (self._nouns if n == 1 else frozenset())
        if n > MANY and self._program[-1].op != "list":
            raise CalculationError(f"{n} values in one list: at most {MANY}")
        return n

    def _comprehension(self, start: int) -> None:
        """`x**2 for x in range(5) if x > 1`: written out for each value, so that a program stays flat."""
        body = self._program[start:]
        self._index, values, name = comprehensions.values(self._tokens, self._index)
        condition_start = len(self._program)
        has_condition = self._take_word("if")
        if has_condition:
            self._logic()
        condition = self._program[condition_start:]
        self._program[start:] = comprehensions.written_out(body, name, values, condition)

    def _spread(self, start: int) -> int:
        """The brackets around a comprehension are its own list."""
        n = self._program[-1].n
        if self._program[-1].op != "list":
            return 1
        self._program.pop()
        return n


def _arity(name: str, min_args: int, max_args: int, n: int) -> str:
    takes = str(min_args) if min_args == max_args else f"{min_args} to {max_args}"
    return f"{name} takes {takes} arguments, not {n}"
