"""What has two readings: each check names both, for the writer to choose."""

from itertools import pairwise

from agent_runtime_tools.cursor import OPERAND_STARTS, Cursor
from agent_runtime_tools.program import Program
from agent_runtime_tools.tokens import CalculationError, Token
from agent_runtime_tools.vocabulary import FUNCTIONS, SCALE_LETTERS

SCALE_NAMES = {10**3: "thousand", 10**6: "million", 10**9: "billion", 10**12: "trillion"}


class Readings(Cursor):
    """The checks of the grammar; none of them reads on."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._nouns: frozenset[str] = frozenset()  # of the product that is read
        self._letters: dict[str, int] = {}  # where a letter after a number may stand for thousands

    def _check_scale_letters(self) -> None:
        """`10k * 12`: thousands, or a variable that no equation and no other place in the line asks for."""
        if not self._letters or any(i.op in ("relation", "chain", "range", "call") for i in self._program):
            return
        for letter, index in self._letters.items():
            if not self._stands_alone(letter):
                number, name = self._tokens[index - 1].text, SCALE_NAMES[SCALE_LETTERS[letter]]
                raise CalculationError(
                    f"two readings: write {number} {name}, or {number}*{letter} for a variable {letter}"
                )

    def _stands_alone(self, letter: str) -> bool:
        """Whether a letter is written somewhere else than closely behind a number."""
        return any(
            after.kind == "name" and after.text == letter and (after.gap or before.kind != "number")
            for before, after in pairwise([Token("", ""), *self._tokens])
        )

    def _check_nouns(self, nouns: frozenset[str]) -> None:
        if nouns and self._nouns and not nouns & self._nouns:
            first, second = sorted(nouns)[0], sorted(self._nouns)[0]
            raise CalculationError(f"{first} and {second} are added: leave the words out if that is meant")

    def _check_factor(self, first: int, divisor_start: int, here: int) -> None:
        """`1/2x` and `6/2(1+2)`: the factor belongs to the divisor, or to the quotient."""
        left, divisor = self._shown(first, divisor_start - 1), self._shown(divisor_start, here)
        factor = self._shown(here)
        raise CalculationError(
            f"two readings: write ({left}/{divisor})*{factor} or {left}/({divisor}*{factor})"
        )

    def _check_per_cent(self) -> None:
        before = self._tokens[max(self._index - 3, 0) : self._index + 1]
        if [token.kind for token in before[:3]] == ["number", "/", "number"] and not any(
            token.gap for token in before[1:]
        ):
            fraction = f"{before[0].text}/{before[2].text}"
            raise CalculationError(
                f"two readings: write ({fraction})% or {before[0].text}/({before[2].text}%)"
            )

    def _is_share(self, start: int, end: int | None = None) -> bool:
        """Whether a part of the program is a per cent alone: a number, then the sign."""
        if self._program[(end or len(self._program)) - 1].op != "percent":
            return False
        ops = [instruction.op for instruction in self._program[start:end]]
        return ops == ["number", "percent"] or ops == ["number", "negate", "percent"]

    def _check_factorial(self) -> None:
        """`5!=120`: not equal, or a factorial and an equality."""
        token, before = self._tokens[self._index], self._tokens[self._index - 1]
        following = self._tokens[self._index + 1]
        if not (token.gap or following.gap) and before.kind in ("number", ")"):
            left, right = before.text, following.text
            raise CalculationError(f"two readings: write {left}! = {right} or {left} != {right}, with blanks")

    def _check_share(self, sign: str, n_terms: int, first: int, term: int, start: int, end: int) -> None:
        """100 + 10% is 110 on every pocket calculator; of a sum or a variable it may be either."""
        left, share = self._shown(first, term - 1), self._shown(term)
        part = self._program[start:end]
        first_value = part[0].value
        is_small = len(part) == 1 and not isinstance(first_value, str) and -1 < first_value < 1
        if n_terms > 2 or is_small or any(i.op in ("symbol", "share") for i in part):
            number = share.rstrip("% ")
            raise CalculationError(
                f"two readings: write ({left})*(1 {sign} {share}), or ({left}) {sign} {number}/100 "
                f"where {share} stands alone"
            )

    def _check_applied(self, name: str, start: int, *, is_word: bool) -> None:
        kind = self._operator()
        following = self._tokens[self._index]
        is_next_call = following.kind == "name" and following.text.lower() in FUNCTIONS
        is_factor = kind == "" and following.kind in OPERAND_STARTS and not is_next_call
        if kind in ("^", "**", "*", "/", "//", "%", ".") or is_factor or (is_word and kind in ("+", "-")):
            argument, sign, ahead = self._shown(start), following.text if kind else "*", self._ahead()
            raise CalculationError(
                f"two readings: write {name}({argument}{sign}{ahead}) or {name}({argument}){sign}{ahead}"
            )

    def _ahead(self) -> str:
        index = self._index + (self._operator() != "")
        return self._tokens[min(index, len(self._tokens) - 1)].text[:40] or "..."

    def _both(self, part: Program) -> str:
        top, bottom = (instruction.value for instruction in part[:2])
        modulus = self._tokens[self._index].number
        if not all(isinstance(n, int) for n in (top, bottom, modulus)) or not modulus:
            return "whole numbers"
        assert isinstance(top, int)
        assert isinstance(bottom, int)
        assert isinstance(modulus, int)
        try:
            inverse = str(top * pow(bottom, -1, modulus) % modulus)
        except ValueError:
            inverse = "no inverse"
        return f"{inverse} or {top}/{bottom} mod {modulus}"
