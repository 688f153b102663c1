r"""LaTeX to the calculator's own spelling: `\frac{3}{4} \times 100` is `((3)/(4)) * 100`.

The grammar stands in `latex.lark`. Readers that build sympy trees lose what matters here: a decimal becomes a float,
`30^\circ` the number 30, `\approx` nothing at all. So this one only respells, and the one grammar of the calculator
reads the rest exactly, within its bounds.
"""

import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lark import Lark, Transformer
from lark.exceptions import UnexpectedInput, VisitError

from agent_runtime_tools.tokens import CalculationError

GRAMMAR = Path(__file__).with_suffix(".lark")
_SPACES = ", ; : ! quad qquad left right big Big bigl bigr Bigl Bigr limits nolimits displaystyle textstyle"
SPACES = frozenset({" ", *_SPACES.split()})
SIGNS = {
    **dict.fromkeys(("cdot", "times", "ast", "cdotp"), "*"),
    "div": "/",
    **dict.fromkeys(("le", "leq", "leqslant"), "<="),
    **dict.fromkeys(("ge", "geq", "geqslant"), ">="),
    **dict.fromkeys(("ne", "neq"), "!="),
    **dict.fromkeys(("approx", "simeq", "cong"), "≈"),
    "lt": "<",
    "gt": ">",
    **dict.fromkeys(("to", "rightarrow"), "->"),
    "infty": "oo",
    "choose": "choose",
    **dict.fromkeys(("ldots", "dots", "cdots"), "..."),
    **dict.fromkeys(("bmod", "mod"), "mod"),
    "lfloor": "floor(",
    "rfloor": ")",
    "lceil": "ceil(",
    "rceil": ")",
    **dict.fromkeys(("lvert", "rvert", "vert", "mid"), "|"),
    **dict.fromkeys(("degree", "circ"), "°"),
    "%": "%",
    "$": "$",
    "{": "(",
    "}": ")",
    "#": "#",
    "_": "_",
    "&": " ",
}
_NAMES = (
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh exp ln log gcd lcm max min det pi alpha beta gamma "
    "delta epsilon zeta eta theta kappa lambda mu nu xi rho sigma tau phi chi psi omega"
)
NAMES = frozenset(_NAMES.split())
VARIANTS = {"varphi": "phi", "vartheta": "theta", "varepsilon": "epsilon", "lg": "log10", "lb": "log2"}
SHAPES: dict[str, tuple[int, str]] = {
    **dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), (2, "(({})/({}))")),
    **dict.fromkeys(("binom", "dbinom", "tbinom"), (2, "binomial({}, {})")),
    **dict.fromkeys(
        ("text", "mathrm", "mathbf", "mathit", "textbf", "operatorname", "mbox", "mathsf"), (1, " {} ")
    ),
    "boxed": (1, "({})"),
    "pmod": (1, " mod {}"),
}
SUMS = {"sum": "sum", "prod": "product"}
_MIXED = re.compile(r"(\d)\s*\(\((\d+)\)/\((\d+)\)\)(?!\^)")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|\\,|\{\\,\})(?=\d{3}(?!\d))")
_BLANKS = re.compile(r"(\\(?:[dtc]?frac|pmod|sqrt))\s+(?=[\d{])")
_FACTORIALS = re.compile(r"!\s+(?=\d)")
_LOGARITHM = re.compile(r"\blog\s*_")
_REPEATING = re.compile(r"(\d*)\.(\d*)\s*<<(\d+)>>")
_CONGRUENCE = re.compile(r"(.+)\\equiv(.+?)\\pmod ?\{?([^{}]+)\}?")
_DIFFERENTIAL = re.compile(r"(.*?)\s*\bd ?([a-z])\b\s*(.*)", re.DOTALL)
_DERIVATIVE = re.compile(r"\(\(d\)/\(d ?([a-z])\)\)(.+)")
_WRAPPED = re.compile(
    r"(?:\\\((.*)\\\)|\\\[(.*)\\\]|\$\$(.*)\$\$|(?<!\\)\$((?:[^$]|\\\$)*)(?<!\\)\$)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class BigOperator:
    """A sum, product, limit or integral with its bounds, in front of what it runs over."""

    kind: str
    bounds: str


Part = str | BigOperator


def plain(text: str) -> str:
    """The line without LaTeX.

    Raises:
        CalculationError: A command is unknown, or braces do not close.
    """
    text = text.strip()
    if match := _WRAPPED.fullmatch(text):
        text = next(group for group in match.groups() if group is not None)
    if match := _CONGRUENCE.fullmatch(text):
        text = f"({match[1]} - ({match[2]})) \\bmod {match[3]} = 0"
    text = _BLANKS.sub(r"\1", text)
    text = _THOUSANDS.sub(",", text)
    try:
        line = str(_parser().parse(text))
    except VisitError as error:
        raise error.orig_exc from None
    except UnexpectedInput:
        raise CalculationError("LaTeX that does not close or end: check its braces and arguments") from None
    line = _REPEATING.sub(_repeating, line)
    line = _FACTORIALS.sub("! * ", line)
    line = _LOGARITHM.sub("log_", line)
    line = _MIXED.sub(_mixed, line)
    if match := _DERIVATIVE.fullmatch(line.strip()):
        line = f"diff({match[2]}, {match[1]})"
    return " ".join(line.split())


@functools.cache
def _parser() -> Lark:
    return Lark(GRAMMAR.read_text("utf-8"), parser="lalr", start="line", transformer=_Respell())


class _Respell(Transformer[Any, str]):
    """One method a rule of the grammar; each gives the text of its part."""

    def line(self, parts: Sequence[Part]) -> str:
        return _body(parts)

    group = line

    def command(self, parts: Sequence[str]) -> str:
        name = str(parts[0])[1:]
        arguments = [_stripped(part) for part in parts[1:]]
        if name in SHAPES:
            n, shape = SHAPES[name]
            if len(arguments) < n:
                raise CalculationError(f"LaTeX: \\{name} takes {n} arguments in braces")
            return shape.format(*arguments[:n]) + "".join(f"({part})" for part in arguments[n:])
        raise CalculationError(f"LaTeX: \\{name[:40]} is not known here")

    def word(self, parts: Sequence[str]) -> str:
        name = str(parts[0])[1:]
        if name in SPACES:
            return " "
        if name in SIGNS:
            return f" {SIGNS[name]} " if name not in ("%", "$", "degree", "circ") else SIGNS[name]
        if name in NAMES:
            return f" {name} "
        if name in VARIANTS:
            return f" {VARIANTS[name]} "
        raise CalculationError(f"LaTeX: \\{name[:40]} is not known here")

    def root(self, parts: Sequence[str]) -> str:
        *degree, radicand = (_stripped(part) for part in parts)
        return f"root({radicand}, {degree[0]})" if degree else f"sqrt({radicand})"

    def over(self, parts: Sequence[str]) -> str:
        digits = _stripped(parts[0])
        if not digits.isdecimal():
            raise CalculationError(
                "LaTeX: \\overline is read over repeating digits only, as in 0.\\overline{3}"
            )
        return f"<<{digits}>>"

    def big(self, parts: Sequence[Any]) -> BigOperator:
        kind = str(parts[0])[1:]
        bounds = {str(mark): _stripped(text) for mark, text in parts[1:]}
        below, above = bounds.get("_", ""), bounds.get("^", "")
        if kind == "lim":
            return BigOperator("limit", below)
        if kind == "int":
            return BigOperator("integrate", f"({below})..({above})" if above else "")
        return BigOperator(SUMS[kind], f"{below}..({above})")

    def script(self, parts: Sequence[Any]) -> tuple[str, str]:
        return str(parts[0]), str(parts[1])

    def raised(self, parts: Sequence[str]) -> str:
        exponent = _stripped(parts[1])
        if exponent == "°":
            return "°"
        return f"^({exponent}) "

    def lowered(self, parts: Sequence[str]) -> str:
        return f"_{_stripped(parts[1])}"

    def matrix(self, parts: Sequence[str]) -> str:
        inside = "".join(str(part) for part in parts[1:-1])
        rows = [row for row in inside.split("\n") if row.strip()]
        cells = ", ".join(f"[{', '.join(cell.strip() for cell in row.split('&'))}]" for row in rows)
        is_bars = "vmatrix" in str(parts[0])
        return f"det([{cells}])" if is_bars else f"([{cells}])"

    def newline(self, parts: Sequence[str]) -> str:
        return "\n"

    def ampersand(self, parts: Sequence[str]) -> str:
        return "&"

    def text(self, parts: Sequence[str]) -> str:
        return str(parts[0])


def _stripped(text: object) -> str:
    return str(text).strip()


def _body(parts: Sequence[Part]) -> str:
    """The parts in a row; a big operator takes what follows it, up to where it ends."""
    texts: list[str] = []
    for index, part in enumerate(parts):
        if isinstance(part, BigOperator):
            return "".join(texts) + _applied(part, _body(parts[index + 1 :]))
        texts.append(part)
    return "".join(texts)


def _applied(operator: BigOperator, rest: str) -> str:
    """The operator as a call, followed by what is no more its own.

    Raises:
        CalculationError: Whether a term belongs to it has two readings.
    """
    if operator.kind == "integrate":
        match = _DIFFERENTIAL.fullmatch(rest)
        if match is None:
            raise CalculationError("LaTeX: an integral ends with its variable, as in \\int_0^3 x^2 dx")
        variable = match[2]
        bounds = f"{variable}={operator.bounds}" if operator.bounds else variable
        return f"integrate({match[1] or '1'}, {bounds}) {match[3]}"
    end, following = _product_end(rest)
    variable = operator.bounds.split("=")[0].split("->")[0].strip()
    if following and following[0] in "+-":
        has_variable = re.search(rf"(?<![A-Za-z]){re.escape(variable)}(?![A-Za-z])", following)
        if has_variable is None:
            name = operator.kind
            raise CalculationError(
                f"two readings: the {name} of ({end.strip()}), then {following.strip()}; "
                f"or the {name} of it all: use parentheses"
            )
        end, following = _relation_end(rest)
    return f"{operator.kind}({end.strip()}, {operator.bounds}) {following}"


def _product_end(text: str) -> tuple[str, str]:
    """The first product of a text, and the rest from its next plus, minus, relation or comma on."""
    return _cut(
        text, lambda character, before: character in "=<>!≈," or (character in "+-" and bool(before.strip()))
    )


def _relation_end(text: str) -> tuple[str, str]:
    return _cut(text, lambda character, _: character in "=<>!≈,")


def _cut(text: str, ends: Callable[[str, str], bool]) -> tuple[str, str]:
    depth = 0
    for index, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth < 0 or (depth == 0 and ends(character, text[:index])):
            return text[:index], text[index:]
    return text, ""


def _mixed(match: re.Match[str]) -> str:
    r"""`2\frac{1}{2}` is a mixed number where the fraction is proper."""
    if int(match[2]) < int(match[3]):
        return f"{match[1]} {match[2]}/{match[3]}"
    raise CalculationError(f"two readings: write {match[1]} \\cdot or {match[1]} + before the fraction")


def _repeating(match: re.Match[str]) -> str:
    r"""0.1\overline{6} is (16 - 1) / 90."""
    whole, fixed, repeated = match[1] or "0", match[2], match[3]
    top = int(whole + fixed + repeated) - int(whole + fixed)
    return f"({top}/{int('9' * len(repeated) + '0' * len(fixed))})"
