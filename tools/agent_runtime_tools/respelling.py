"""One spelling for a line: the signs of books, the wrappers of programs and chats, LaTeX and plain sentences.

Each step turns one way of writing into the grammar's own; a line of ASCII arithmetic passes untouched. Letters are
never folded (a full-width `eval` stays what it is, and is refused).
"""

import re
from fractions import Fraction
from itertools import pairwise

from agent_runtime_tools import latex, wording
from agent_runtime_tools.tokens import CalculationError
from agent_runtime_tools.vocabulary import CONSTANTS, FUNCTIONS, SCALES, UNITS

_PLAIN = re.compile(r"(?:[\d\s+\-*/(),^%=!]|\.(?!\.)|<(?!<)|>(?!>))*", re.ASCII)

_ODD = re.compile(r"[^\w\s+\-*/().,^%=!<>|\[\]]|[^\x00-\x7f]|\.\.\.|<<|>>|\.[A-Za-z]|[xX]\d", re.ASCII)
_WORDS = re.compile(r"[A-Za-z]+\d*\(?")
_SENTENCES = {"lim", "limit", "e", "tau"}  # `lim(x->0) sin(x)/x` is no call
OWN_WORDS = frozenset(
    {f"{name}(" for name in FUNCTIONS if name not in _SENTENCES}
    | {
        *CONSTANTS,
        *SCALES,
        *UNITS,
        *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "of",
        "off",
        "mod",
        "in",
        "to",
    }
)

# Signs that look like an ASCII operator and are one: times, dots, divide, minus and dashes, slash, blanks, digits.
_ALIASES = {
    **dict.fromkeys("\u00d7\u00b7\u22c5\u2219\u2022\u2217\u2715", "*"),
    **dict.fromkeys("\u00f7\u2044\u2215", "/"),
    **dict.fromkeys("\u2212\u2013\u2014\u2011\u2012\u2015\ufe63", "-"),
    **dict.fromkeys("\u00a0\u2009\u202f\u2007\t", " "),
    **{chr(0xFF10 + n): str(n) for n in range(10)},
    **{chr(0xFF00 + ord(sign) - 0x20): sign for sign in "+-*/=().,%<>"},
    "\u2019": "'",
    "≅": "≈",
    "≃": "≈",
    "∑": "sum",
    "Σ": "sum",
    "∏": "product",
    "∛": "cbrt ",
    "⌊": "floor(",
    "⌋": ")",
    "⌈": "ceil(",
    "⌉": ")",
    "φ": "phi",
    "θ": "theta",
    "λ": "lambda",
    "µ": "u",
    "μ": "u",
    "…": "...",
}
_FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5"}
_FRACTIONS |= {"⅘": "4/5", "⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8", "⅐": "1/7"}
_SIGNS = str.maketrans(_ALIASES)
_FRACTION = re.compile(rf"(\d ?)?([{''.join(_FRACTIONS)}])(?= ?([A-Za-z(])?)")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED = re.compile("[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")

_BRACES = re.compile(r"[\^_]\{|\{,\}")
_INTEGRAL = re.compile(r"∫ ?(?=([_^])?)")
_IMPORTS = re.compile(
    r"^(?:(?:import (?:math|statistics|cmath|numpy(?: as np)?)"
    r"|from (?:math|statistics|numpy) import [\w, ]{1,60}) ?; ?)+"
)
_MODULE = re.compile(r"\b(?:math|statistics|cmath|(?:np|numpy)\.linalg|np|numpy|sympy|sp)\.(?=[A-Za-z])")
_NUMPY_SPREAD = re.compile(r"\b(?:np|numpy)\.(?:std|var)\b")  # of a whole population
_SPREADS = {"std": "pstdev", "var": "pvariance"}
_PRINT = re.compile(r"print\((.*)\)\s*")
_METHOD = re.compile(r"\.(det|inv|transpose|trace)\(\)|\.(T)\b")
_ANNOTATION = re.compile(r"<<[^<>]{0,200}>>")
_DEFINED = re.compile(r"([a-zA-Z])\(([a-z])\) ?= ?([^;=]+); ?(.+)")
_DEFINED_AFTER = re.compile(r"(.+?),? (?:where|if|for|given|with) ([a-zA-Z])\(([a-z])\) ?= ?([^;=]+)")
_CONGRUENCE = re.compile(r"([^≡]+)≡([^≡(]+)\(mod ([^()]+)\)")
_DOLLARS = re.compile(r"\$\$?([^$]*[-+*/\\^=_][^$]*)\$\$?")
_PROGRESSION = re.compile(
    r"((?:\d+(?:\.\d+)?\s*([+*])\s*)(?:\d+(?:\.\d+)?\s*\2\s*)+)\.\.\.\s*\2\s*(\d+(?:\.\d+)?)(?![\d.]*\s*[*/^!])"
)
MAX_TERMS = 10_000


def respell(text: str) -> str:
    """The line in the grammar's own spelling.

    Raises:
        CalculationError: A part of it is written in a way that cannot be read.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text) or _is_own(text):
        return text
    text = _signs(text.rstrip("?").rstrip())
    if "\\" in text or _BRACES.search(text):
        text = latex.plain(text)
    elif match := _DOLLARS.fullmatch(text):
        text = match[1]
    text = _programs(text)
    text = _definition(text)
    if "..." in text:
        text = _progressions(text)
    return wording.respell(text)


def _is_own(text: str) -> bool:
    """Whether a line holds nothing but the grammar's own words and signs, as most checks of a model do."""
    return not _ODD.search(text) and OWN_WORDS.issuperset(_WORDS.findall(text))


def _signs(text: str) -> str:
    if text.isascii():
        return text
    text = text.replace("∑_", "\\sum_").replace("∏_", "\\prod_")
    text = _INTEGRAL.sub(lambda match: "\\int" if match[1] else "\\int ", text)
    text = _FRACTION.sub(_vulgar, text)
    text = _RAISED.sub(lambda match: f"^({match[0].translate(_SUPERSCRIPTS)})", text)
    text = _LOWERED.sub(lambda match: f"_{match[0].translate(_SUBSCRIPTS)}", text)
    text = text.translate(_SIGNS)
    if match := _CONGRUENCE.fullmatch(text):
        text = f"(({match[1].strip()}) - ({match[2].strip()})) % ({match[3]}) = 0"
    return text


def _vulgar(match: re.Match[str]) -> str:
    """`2½` is a mixed number; `½ cup` half a cup; elsewhere a fraction in parentheses."""
    fraction = _FRACTIONS[match[2]]
    if match[1]:
        return f"{match[1].rstrip()} {fraction}"
    return fraction if match[3] and match[3] != "(" else f"({fraction})"


def _programs(text: str) -> str:
    """Without the wrappers of Python, and the annotations of GSM8K."""
    if "import " in text:
        text = _IMPORTS.sub("", text)
        if text.startswith(("import ", "from ")):
            raise CalculationError("only math, statistics and numpy are known here: leave the import out")
    text = _MODULE.sub("", _NUMPY_SPREAD.sub(lambda match: _SPREADS[match[0][-3:]], text))
    if match := _PRINT.fullmatch(text):
        text = match[1]
    text = _ANNOTATION.sub("", text)
    while match := _METHOD.search(text):
        name = "transpose" if match[2] else match[1]
        start = _opening(text, match.start())
        text = f"{text[:start]}{name}({text[start : match.start()]}){text[match.end() :]}"
    return text


def _opening(text: str, end: int) -> int:
    """Where the value begins that a method is called on: a call or a list that ends here."""
    depth = 0
    for index in range(end - 1, -1, -1):
        depth += (text[index] in ")]") - (text[index] in "([")
        if depth == 0:
            while index > 0 and text[index - 1].isalnum():
                index -= 1
            return index
    return 0


def _definition(text: str) -> str:
    """`f(x) = x^2; f(3)`: the body with the argument in the place of its variable."""
    if match := _DEFINED.fullmatch(text):
        name, variable, body, asked = match.groups()
    elif match := _DEFINED_AFTER.fullmatch(text):
        asked, name, variable, body = match.groups()
    else:
        return text
    in_place = re.compile(rf"(?<![A-Za-z]){variable}(?![A-Za-z])")
    call = re.compile(rf"(?<![A-Za-z]){name}\(([^()]*)\)")
    return call.sub(lambda found: f"({in_place.sub(lambda _: f'({found[1]})', body)})", asked)


def _progressions(text: str) -> str:
    """`1 + 2 + ... + 100`: an arithmetic or a geometric progression, summed or multiplied.

    Raises:
        CalculationError: The terms before the dots fit neither, or both.
    """
    text = _PROGRESSION.sub(_progression, text)
    if "..." in text:
        raise CalculationError(
            "dots are read in 1 + 2 + ... + 100 only: write 1/3 for 0.333..., else all the terms"
        )
    return text


def _progression(match: re.Match[str]) -> str:
    terms = [Fraction(part) for part in re.findall(r"\d+(?:\.\d+)?", match[1])]
    last = Fraction(match[3])
    values = {}
    for kind, series in (("arithmetic", _arithmetic(terms, last)), ("geometric", _geometric(terms, last))):
        if series:
            value = sum(series) if match[2] == "+" else _product(series)
            values[value] = kind
    if not values:
        raise CalculationError("the terms before the dots fit no progression that ends there: write them out")
    if len(values) > 1:
        said = " or ".join(f"{value} ({kind})" for value, kind in values.items())
        raise CalculationError(f"the dots have two readings: {said}; write one more term")
    return f"({next(iter(values))})"


def _arithmetic(terms: list[Fraction], last: Fraction) -> list[Fraction]:
    step = terms[1] - terms[0]
    if step == 0 or any(b - a != step for a, b in pairwise(terms)):
        return []
    n = (last - terms[0]) / step
    if n.denominator != 1 or not len(terms) <= n + 1 <= MAX_TERMS:
        return []
    return [terms[0] + step * i for i in range(int(n) + 1)]


def _geometric(terms: list[Fraction], last: Fraction) -> list[Fraction]:
    if terms[0] == 0 or terms[1] <= terms[0]:
        return []
    ratio = terms[1] / terms[0]
    series = [terms[0]]
    while series[-1] < last and len(series) < MAX_TERMS:
        series.append(series[-1] * ratio)
    return series if series[-1] == last and series[: len(terms)] == terms else []


def _product(series: list[Fraction]) -> Fraction:
    result = Fraction(1)
    for term in series[:500]:
        result *= term
    if len(series) > 500:
        raise CalculationError("a product with dots has at most 500 factors")
    return result
