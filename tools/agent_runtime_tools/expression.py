"""Tokens to a program: the one grammar in front of every evaluator.

Names are resolved here against the vocabulary; what is not in it never reaches an evaluator, but for a unit's name in a
conversion, which the units worker looks up.

    statement  = [label "="] logic { "," logic } ["="]                several relations: a system to solve
    logic      = relation { ("and" | "or") relation }
    relation   = sum { ("=" | "==" | "≈" | "!=" | "<" | "<=" | ">" | ">=") sum } [".." sum] | sum "->" sum
    sum        = product { ("+" | "-") product } ["in" product]       a per cent added: 100 + 10% is 110
    product    = signed { ("*" | "x" | "/" | "//" | "%" | "." | "of" | "off" | nothing) signed }
    signed     = { "-" | "+" } power
    power      = postfix [ ("**" | "^") signed ]                      right-associative
    postfix    = atom { "!" | "!!" | "%" | "²" | "³" | "°" | "choose" postfix }
                 number unit ["^" signed]: the exponent is the unit's; number noun: a label, it counts nothing
    atom       = number | name | function arguments | function ["of"] postfix | "(" logic ")" | list
               | "√" postfix | "|" sum "|"
    arguments  = "(" logic { "," logic } ")" | "(" logic "for" name "in" (range | list) ["if" logic] ")"

`%` is a modulo where an operand follows, else per cent. `!=` is "not equal": write `5! = 120` with a space. A factor
that follows a quotient without a sign (`1/2x`) has two readings and is refused.
"""

from agent_runtime_tools import commas, respelling
from agent_runtime_tools.cursor import is_known
from agent_runtime_tools.letters import is_assigned, with_imaginary_unit
from agent_runtime_tools.literals import is_whole_power, rounded_at
from agent_runtime_tools.program import Program
from agent_runtime_tools.quantities import SUPERSCRIPTS, Quantities
from agent_runtime_tools.relations import Link
from agent_runtime_tools.tokens import CalculationError, check_line, tokenize

RELATIONS = {word: word for word in ("=", "==", "!=", "<", "<=", ">", ">=", "≈")} | {
    "<>": "!=",
    "≠": "!=",
    "≤": "<=",
    "≥": ">=",
}
FACTORS = {"*": "*", "/": "/", "//": "//", "%": "%", "of": "*", "off": "off", ".": "dot"}
FACTOR_STARTS = frozenset({"name", "(", "[", "√"})
NO_NOUNS: frozenset[str] = frozenset()
POSTFIX = {"!": "!", "!!": "!!", "°": "degree"}


def parse(text: str) -> Program:
    """Compile one line into a program.

    Raises:
        CalculationError: It is no calculation, names something that is unknown, or has two readings.
    """
    check_line(text)
    return _Parser(tokenize(commas.settle(respelling.respell(text)))).statement()


class _Parser(Quantities):
    """One method a rule of the grammar, loosest first."""

    def statement(self) -> Program:
        self._skip_label()
        n_parts = 1
        self._logic()
        while self._take(","):
            n_parts += 1
            self._logic()
        if self._kind() in ("=", "≈") and self._tokens[self._index + 1].kind == "end":
            self._index += 1
        if self._kind() != "end":
            raise CalculationError(self._leftover())
        if n_parts > 1:
            self._system(n_parts)
        self._check_scale_letters()
        return with_imaginary_unit(self._program, self._tokens) if self._may_be_imaginary else self._program

    def _logic(self) -> None:
        self._relation()
        while self._kinds[self._index] == "name" and (word := self._operator()) in ("and", "or"):
            self._index += 1
            self._relation()
            self._emit(word, n=2)

    def _relation(self) -> None:
        start = self._index
        self._sum()
        kind = self._kinds[self._index]
        if kind in RELATIONS:
            self._relations(start)
        elif kind == "..":
            self._range(2)
        elif kind in ("->", "→"):
            self._index += 1
            self._sum()
            self._emit("approach", n=2)

    def _relations(self, start: int) -> None:
        starts, words = [start], []
        while (kind := self._kind()) in RELATIONS and self._kinds[self._index + 1] != "end":
            if kind == "!=":
                self._check_factorial()
            words.append(RELATIONS[kind])
            self._index += 1
            starts.append(self._index)
            self._sum()
        if words and self._kind() == "..":
            self._range(3)
        elif words:
            self._link(words, starts)

    def _range(self, n: int) -> None:
        self._index += 1
        self._sum()
        self._emit("range", n=n)

    def _link(self, words: list[str], starts: list[int]) -> None:
        ends = [start - 1 for start in starts[1:]] + [self._index]
        sides = [self._tokens[start:end] for start, end in zip(starts, ends, strict=True)]
        links = []
        for n, word in enumerate(words):
            exponent = rounded_at(word, sides[n], sides[n + 1])
            links.append(Link(word, exponent))
            first = sides[n + 1][0]
            if (
                n + 1 < len(words)
                and len(sides[n + 1]) > 1
                and first.kind == "number"
                and isinstance(first.number, int)
            ):
                steps = f"{self._shown(starts[n], ends[n])} = {first.text} and {self._shown(starts[n + 1])}"
                links[-1] = Link(word, exponent, first.number, steps)
        if len(links) == 1:
            self._emit("relation", links[0].write(), 2)
        else:
            self._emit("chain", "\x1e".join(link.write() for link in links), len(sides))

    def _sum(self) -> None:
        self._descend()
        outer, self._nouns = self._nouns, NO_NOUNS
        start, first, n_terms = len(self._program), self._index, 1
        self._product()
        nouns = self._nouns
        while (operator := self._operator()) in ("+", "-"):
            self._index += 1
            self._nouns = NO_NOUNS
            term, term_start = len(self._program), self._index
            self._product()
            if nouns:
                self._check_nouns(nouns)
            nouns = self._nouns | nouns if nouns else self._nouns
            n_terms += 1
            if self._program[-1].op == "percent" and self._is_share(term) and not self._is_share(start, term):
                self._check_share(operator, n_terms, first, term_start, start, term)
                self._emit("share", operator, 2)
            else:
                self._emit(operator, n=2)
        if operator == "convert":
            self._index += 1
            self._product()
            self._emit("convert", n=2)
        self._nouns = outer | nouns if outer else nouns
        self._depth -= 1

    def _product(self) -> None:
        first = divisor = self._index
        start, last = len(self._program), ""
        self._signed()
        while True:
            operator, here = self._operator(), self._index
            if operator in FACTORS:
                self._index += 1
                if operator == "%" and self._modulus(start, first, here, last):
                    continue
                if operator == "/" and self._nouns and self._divide_label():
                    continue
                divisor = self._index
                self._signed()
                self._emit(FACTORS[operator], n=2)
                last = operator
            elif operator == "" and self._kinds[self._index] in FACTOR_STARTS:
                self._power()
                if last == "/":
                    self._check_factor(first, divisor, here)
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
        start = self._index
        self._postfix()
        if self._kind() in ("**", "^"):
            self._index += 1
            exponent = self._index
            self._descend()
            self._signed()
            self._depth -= 1
            following = self._tokens[self._index]
            is_bare = self._index - exponent == 1 and self._tokens[exponent].kind == "number"
            if is_bare and following.kind == "name" and not following.gap:
                base, n, name = self._shown(start, exponent - 1), self._shown(exponent), following.text[:40]
                raise CalculationError(f"two readings: write {base}^({n}*{name}) or ({base}^{n})*{name}")
            self._emit("**", n=2)

    def _postfix(self) -> None:
        is_number = self._kind() == "number"
        self._atom()
        if is_number:
            self._after_number()
        while True:
            kind = self._kind()
            if kind in POSTFIX:
                self._emit(POSTFIX[kind], n=1)
            elif kind in SUPERSCRIPTS:
                self._superscript(kind)
            elif (kind == "%" and not self._is_operand(self._index + 1)) or self._is_word("percent"):
                self._check_per_cent()
                self._emit("percent", n=1)
            elif kind == "name" and self._operator() == "choose":
                self._choose()
                continue
            else:
                return
            self._index += 1

    def _choose(self) -> None:
        name = "binomial" if self._is_word("choose") else "perm"
        self._index += 1
        self._descend()
        self._postfix()
        self._depth -= 1
        self._emit("call", name, 2)

    def _modulus(self, program_start: int, first: int, here: int, last: str) -> bool:
        """`3^-1 mod 7` is an inverse; any power modulo a number is computed without writing the power out."""
        is_word = self._tokens[self._index - 1].kind == "name"
        part = self._program[program_start:]
        if is_word and [i.op for i in part] == ["number", "number", "/"]:
            left = self._shown(first, here)
            raise CalculationError(
                f"two readings: write ({left}) % n for the rest of {left}, or pow(b, -1, n)*a: {self._both(part)}"
            )
        if (
            last
            or not part
            or part[-1].op != "**"
            or self._kind() != "number"
            or any(i.op == "symbol" for i in part)
        ):
            return False
        is_inverse = part[-2].op == "negate"
        if is_inverse and not is_word:
            raise CalculationError(
                "two readings: write a^-1 mod n for the inverse, or (1/a) % n for the rest"
            )
        if not is_word or not is_whole_power(part):
            return False
        self._program.pop()
        self._signed()
        self._emit("call", "pow", 3)
        return True

    def _skip_label(self) -> None:
        """`= 3*4`, `total cost = 3*4` and `E = 3*4` are worth what stands on the right."""
        if self._tokens[0].kind == "=":
            self._index = 1
            return
        n = 0
        while self._tokens[n].kind == "name":
            n += 1
        if n == 0 or self._tokens[n].kind != "=" or self._tokens[n + 1].kind == "end":
            return
        rest = self._tokens[n + 1 :]
        names = [token.text for token in self._tokens[:n]]
        if any(not is_known(name) for name in names) or (n == 1 and is_assigned(names[0], rest)):
            self._index = n + 1

    def _system(self, n_parts: int) -> None:
        if any(instruction.op == "relation" for instruction in self._program):
            self._emit("list", n=n_parts)
            self._emit("call", "solve", 1)
        else:
            raise CalculationError(
                "a comma between two values: 1,234 is one number, 12.5 a decimal; for a list write [1, 234]"
            )

    def _leftover(self) -> str:
        token = self._tokens[self._index]
        if token.text == "if":
            return "no conditions here: write the relation alone, such as 5 > 3"
        if token.kind == "number" and token.text.startswith("."):
            return "several points in one number: write 1,234,567 or 1.5"
        return f"unexpected {token.text[:40]!r}: is an operator missing?"
