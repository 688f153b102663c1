r"""Mathematics in one way: LaTeX as plain text, and expressions with roots and functions by their values.

`\frac{3}{4}` is `3/4` and `2\sqrt{3}` is `2*sqrt(3)`. Simple LaTeX is rewritten as text. What then still has a function
in it is read by the parser of math-verify (Hugging Face), and told apart by its value at two places, to 30 digits. The
comparison of math-verify itself is not used: it stops by a signal, which async code cannot have, it finds a number in
any sentence (3 apples, 3 oranges), and pairs that it calls equal make no equivalence relation. The parser is asked only
about text that is mathematics from end to end and small, so that it needs no clock: length, brackets and exponents are
bounded.
"""

import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

from agent_runtime.scoring import polynomial

MAX_CHARACTERS = 120
MAX_BRACKETS = 10
MAX_EXPONENT = 10_000  # all numbers in exponents multiplied: no power is longer than a page
MAX_ROUNDS = 10  # LaTeX inside LaTeX
N_DIGITS = 30

_DOLLARS = re.compile(r"\$+([^$]+)\$+|\\\((.*)\\\)|\\\[(.*)\\\]", re.S)
_MIXED = re.compile(r"(\d)\s*\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_REWRITTEN = (
    (re.compile(r"\\[dt]?frac\s*(\d)\s*(\d)"), r"(\1/\2)"),
    (re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}"), r"(\1/\2)"),
    (re.compile(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}"), r"((\1)/(\2))"),
    (re.compile(r"\\sqrt\[(\d)\]\{([^{}]*)\}"), r"(\2)^(1/\1)"),
    (re.compile(r"\\sqrt\{([^{}]*)\}|\\sqrt\s*(\w)"), r"sqrt(\1\2)"),
    (re.compile(r"\\(?:boxed|text\w*|math[a-z]+|operatorname\*?)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?|\\degree\b"), "°"),
    (re.compile(r"\^\{([^{}\\]*)\}"), r"^(\1)"),
)
_SPACING = re.compile(r"\\[,;:! ]|\\q?quad\b|\\(?:left|right|displaystyle)\b|~")
_COMMAND = re.compile(r"\\([a-zA-Z]+|[%$#&{}_])")
_SIGNS = {"times": "*", "cdot": "*", "div": "/", "to": "->", "rightarrow": "->", "infty": "infinity"}

_FUNCTIONS = (
    "sqrt",
    "sin",
    "cos",
    "tan",
    "ln",
    "log",
    "exp",
    "arcsin",
    "arccos",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
)
_CALLED = _FUNCTIONS[1:]  # with parentheses around the call: `sin(x)^2` is no sine of a square
_NAME = rf"{'|'.join(sorted(_FUNCTIONS, key=len, reverse=True))}|pi|infinity"
_TOKEN = re.compile(rf"\s*(\d{{1,15}}(?:\.\d{{1,15}})?|{_NAME}|[a-z](?![a-z])|[-+*/^()])\s*")
_SIGNS_ALONE = re.compile(rf"(?:\d+|{_NAME}|[a-z](?![a-z])|[-+*/^()\[\]{{}},.= ])*")
_NUMBER = re.compile(r"-?\d+(?:/\d+)?")
_ROOT = re.compile(r"\^ ?\([^()]*/")
_MISSING = re.compile(r"^ ?[*/^)]|[-+*/^(] ?[*/^)]|[-+*/^] ?$")
_EXPONENT = re.compile(r"\^\s*(?:\(([^()]*)\)|([a-z]|\d+))")


def plain(text: str) -> str:
    r"""LaTeX as plain text, its arithmetic worked out: `\frac{3}{4}` is `3/4`; any other text as it is."""
    if match := _DOLLARS.fullmatch(text.strip()):
        text = next(group for group in match.groups() if group is not None)
    if "\\" not in text and "^{" not in text:
        return text
    text = _MIXED.sub(r"\1 \2/\3", text)
    for _ in range(MAX_ROUNDS):
        before = text
        for pattern, replacement in _REWRITTEN:
            text = pattern.sub(replacement, text)
        if text == before:
            break
    text = _COMMAND.sub(lambda match: _SIGNS.get(match[1], match[1]), _SPACING.sub("", text)).strip()
    value = polynomial.value(text)
    return text if value is None else str(value)


def is_made_of_signs(text: str) -> bool:
    """Whether a text, a list perhaps, is nothing but numbers, letters that stand alone, functions and signs."""
    return _SIGNS_ALONE.fullmatch(text) is not None


def is_expression(text: str) -> bool:
    """Whether a text is an expression with a root or a function in it, small enough for `canonical`."""
    return _tokens(text) is not None


@lru_cache(maxsize=1024)
def canonical(text: str) -> str | None:
    """What an expression with roots or functions comes to, as a text to compare; None where `text` is none."""
    tokens = _tokens(text)
    return None if tokens is None else _at_two_places(_latex(tokens))


def _tokens(text: str) -> list[str] | None:
    """The tokens of an expression that is small enough to be read without a clock."""
    text = text.replace("**", "^")
    if len(text) > MAX_CHARACTERS or text.count("(") > MAX_BRACKETS or not _is_well_formed(text):
        return None
    tokens, position = [], 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        tokens.append(match[1])
        position = match.end()
    has_function = _ROOT.search(text) or any(len(token) > 1 and token.isalpha() for token in tokens)
    is_ratio = "/" in tokens and "(" in tokens and any(token.isalpha() for token in tokens)
    return tokens if len(tokens) > 1 and (has_function or is_ratio) and _is_bounded(text) else None


def _is_well_formed(text: str) -> bool:
    """Whether brackets match, and no sign stands where a value is missing: most text ends here, before the parser."""
    depth = 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return False
    return depth == 0 and _MISSING.search(text) is None


def _is_bounded(text: str) -> bool:
    exponents = [match[1] or match[2] for match in _EXPONENT.finditer(text)]
    if text.count("^") != len(exponents) or re.search(r"\^[^-+*/]*\^", text):
        return False
    size = 1
    for number in re.findall(r"\d+", " ".join(exponents)):
        size *= max(1, int(number))
    return size <= MAX_EXPONENT and not any("." in exponent for exponent in exponents)


def _latex(tokens: list[str]) -> str:
    """The tokens as the parser wants them: arguments of roots and exponents in braces, calls in parentheses."""
    written, closing = [], []
    for before, sign in pairwise(["", *tokens]):
        if sign == "(":
            opened, closed = (
                ("{", "}") if before in ("sqrt", "^") else ("(", "))" if before in _CALLED else ")")
            )
            written.append(opened)
            closing.append(closed)
        elif sign == ")":
            written.append(closing.pop())
        elif len(sign) > 1 and sign.isalpha():
            is_called = sign in _CALLED and tokens[len(written) + 1 : len(written) + 2] == ["("]
            written.append(f"{'(' if is_called else ''}\\{'infty' if sign == 'infinity' else sign} ")
        else:
            written.append(" \\cdot " if sign == "*" else f"{{{sign}}}" if before == "^" else sign)
    return "".join(written)


def _at_two_places(latex: str) -> str | None:
    from latex2sympy2_extended import latex2sympy  # noqa: PLC0415  (brings sympy, a second's work)

    try:
        expression = latex2sympy(latex)
        first, second = (_value(expression, sign) for sign in (1, -1))
    except Exception:  # the parser's errors have no common class; text that it cannot read is no mathematics
        return None
    if first is None or second is None:
        return None
    return first if first == second and _NUMBER.fullmatch(first) else f"value {first} at + {second} at -"


def _value(expression: Any, sign: int) -> str | None:  # noqa: ANN401  (sympy has no types)
    """The value where each letter stands for a fraction of its own; a fraction where it is one."""
    symbols = sorted(expression.free_symbols, key=str)
    places = {symbol: Fraction(sign * (ord(str(symbol)[0]) - 59), 37) for symbol in symbols}
    real, imaginary = expression.subs(places).evalf(N_DIGITS).as_real_imag()
    if not (real.is_Number and imaginary.is_Number and real.is_finite and imaginary.is_finite):
        return None
    parts = [_rounded(Fraction(str(part))) for part in (real, imaginary)]
    return parts[0] if parts[1] == "0" else f"{parts[0]} plus i times {parts[1]}"


def _rounded(value: Fraction) -> str:
    simple = value.limit_denominator(1000)
    if abs(value - simple) < Fraction(1, 10**22):
        return str(simple)
    return f"{float(value):.15e}"
