"""Plain sentences to expressions: `what is 15% of 2,340`, `percent change from 120 to 150`, `5 squared`.

Two tables, read from top to bottom: forms that a whole line has, and phrases inside a line. A, B and C stand for any
expression. What neither table knows stays as it is, for the grammar to read or to refuse.
"""

import re
from collections.abc import Callable

from agent_runtime_tools.tokens import CalculationError

_ASKS = re.compile(
    r"^(?:(?:please|what(?:'s| is| are)|how much (?:is|are)|calculate|compute|evaluate|find|determine|work out|tell me"
    r"|the value of|the result of|the)\s+)+(?!\w+ day)",
    re.IGNORECASE,
)
_ENDS = re.compile(r"\s+(?:equals|is equal to|is|is what|please)\s*$", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]{2,}", re.ASCII)

_FORMS: tuple[tuple[str, str], ...] = (
    (r"percent(?:age)? (?:change|increase|growth) from (.+?) to (.+)", r"((\2)-(\1))/(\1)*100"),
    (r"percent(?:age)? (?:decrease|drop|loss) from (.+?) to (.+)", r"((\1)-(\2))/(\1)*100"),
    (r"(.+?) is what percent(?:age)? of (.+)", r"(\1)/(\2)*100"),
    (r"what percent(?:age)? of (.+?) is (.+)", r"(\2)/(\1)*100"),
    (r"what percent(?:age)? is (.+?) of (.+)", r"(\1)/(\2)*100"),
    (r"(.+?) is ([\d.,]+%|[\d.,]+ percent) of (?:what|which)(?: number)?", r"(\1)/(\2)"),
    (r"(?:increase|raise) (.+?) by (.+%)", r"(\1)*(1+\2)"),
    (r"(?:decrease|reduce|lower) (.+?) by (.+%)", r"(\1)*(1-\2)"),
    (r"(?:add|adding) ([\d.]+%) to (.+)", r"(\2)*(1+\1)"),
    (r"(?:subtract|take|deduct) ([\d.]+%) (?:off|from) (.+)", r"(\2)*(1-\1)"),
    (r"(?:add|adding) (.+?) (?:to|and) (.+)", r"(\2)+(\1)"),
    (r"(?:subtract|take|deduct) (.+?) from (.+)", r"(\2)-(\1)"),
    (r"multiply (.+?) (?:by|and|with) (.+)", r"(\1)*(\2)"),
    (r"divide (.+?) by (.+)", r"(\1)/(\2)"),
    (r"([\d.]+%) (?:more|greater|higher) than (.+)", r"(\2)*(1+\1)"),
    (r"([\d.]+%) (?:less|lower|fewer) than (.+)", r"(\2)*(1-\1)"),
    (r"([\d.]+%) discount (?:on|off|from) (.+)", r"(\2)*(1-\1)"),
    (r"([\d.,]+) (?:more|greater|higher) than ([\d.,]+)", r"(\2)+(\1)"),
    (r"([\d.,]+) (?:less|lower|fewer) than ([\d.,]+)", r"(\2)-(\1)"),
    (r"(.+?) less ([\d.]+%)", r"(\1)*(1-\2)"),
    (
        r"sum of (?:all )?(?:the )?(?:[a-z]+ )?(?:numbers|integers) (?:from|between) (\d+) (?:to|and) (\d+)",
        r"sum(\1..\2)",
    ),
    (r"sum of (?:the )?first (\d+) (?:natural |positive |whole )?(?:numbers|integers)", r"sum(1..\1)"),
    (r"(.+?) as a percent(?:age)? of (.+)", r"(\1)/(\2)*100"),
    (r"(.+?) (?:increased|raised) by (.+%)", r"(\1)*(1+\2)"),
    (r"(.+?) (?:decreased|reduced|lowered) by (.+%)", r"(\1)*(1-\2)"),
    (r"(.+?) (?:increased|raised) by (.+)", r"(\1)+(\2)"),
    (r"(.+?) (?:decreased|reduced|lowered) by (.+)", r"(\1)-(\2)"),
    (r"difference (?:between|of) (.+?) and (.+)", r"(\1)-(\2)"),
    (r"quotient of (.+?) and (.+)", r"(\1)/(\2)"),
    (r"ratio of (.+?) (?:and|to) (.+)", r"(\1)/(\2)"),
    (r"(.+?) subtracted from (.+)", r"(\2)-(\1)"),
    (r"(.+?) added to (.+)", r"(\1)+(\2)"),
    (r"remainder (?:of|when) (.+?) (?:is )?divided by (.+)", r"(\1) % (\2)"),
    (r"(.+?) [:] (.+)", r"(\1)/(\2)"),
    (r"solve for ([a-z]) ?[:,]? (.+)", r"solve(\2, \1)"),
    (r"solve:? (.+?) for ([a-z])", r"solve(\1, \2)"),
    (r"solve:? (?!\()(.+)", r"solve(\1)"),
    (r"(?:convert|change) (.+)", r"\1"),
    (r"how many (.+?) (?:are |is |are there )?in (?:an? )?(.+)", r"\2 in \1"),
    (r"how many (.+?) (?:is|are|make) (.+)", r"\2 in \1"),
    (r"(.+?) (?:in|to|as|into) (?:hex|hexadecimal)", r"to_base(\1, 16)"),
    (r"(.+?) (?:in|to|as|into) binary", r"to_base(\1, 2)"),
    (r"(.+?) (?:in|to|as|into) octal", r"to_base(\1, 8)"),
    (r"(.+?) (?:in|to|as|into) base (\d+)", r"to_base(\1, \2)"),
    (r"(.+?) (?:in|to|as|into) decimal", r"\1"),
    (r"(.+?) (?:in|to|as|into) roman(?: numerals?)?", r"roman(\1)"),
    (r"lim(?:it)? ?\(? ?([a-z]) ?(?:->|→|to) ?([^()\s]+) ?\)? ?(?:of )?(.+)", r"limit(\3, \1 -> \2)"),
    (r"d/d([a-z]) ?(.+)", r"diff(\2, \1)"),
    (r"derivative of (.+?) with respect to ([a-z])", r"diff(\1, \2)"),
    (r"derivative of (.+)", r"diff(\1)"),
    (
        r"integra(?:l of|te) (?!\()(.+?) (?:d([a-z]) )?from (.+?) to (.+)",
        r"integrate(\1, {\1|\2}=(\3)..(\4))",
    ),
    (r"integra(?:l|te)(?: of)? (?!\()(.+?) d([a-z])", r"integrate(\1, \2)"),
    (r"integral of (.+)", r"integrate(\1)"),
    (r"sum of (.+?) (?:from|for) ([a-z]) ?= ?(\S+) to (\S+)", r"sum(\1, \2=\3..\4)"),
    (r"limit (?:of )?(.+?) as ([a-z]) (?:approaches|goes to|tends to|->|→) (\S+)", r"limit(\1, \2 -> \3)"),
    (r"is (.+?) (?:a )?prime(?: number)?", r"isprime(\1)"),
    (r"(?=is |.+ is )(?:is )?(.+?) (?:is )?(?:greater|more|larger|bigger) than (.+)", r"(\1) > (\2)"),
    (r"(?=is |.+ is )(?:is )?(.+?) (?:is )?(?:less|smaller|fewer) than (.+)", r"(\1) < (\2)"),
    (r"is (.+[<>=].+)", r"\1"),
)
FORMS = tuple((re.compile(pattern, re.IGNORECASE), shape) for pattern, shape in _FORMS)
_HINTS = re.compile(
    r"percent|%|sum of|increase|decrease|raise|lower|reduce|add|subtract|take|deduct|multiply|divide|more|less|"
    r"discount|prime|limit|is |greater|difference|quotient|ratio|remainder|solve|convert|change|how many|hex|binary|"
    r"octal|base|decimal|roman|lim|d/d|derivative|integra|:",
    re.IGNORECASE,
)

_PHRASES: tuple[tuple[str, str], ...] = (
    (r"\bis equal to\b|\bequals\b", "="),
    (r"\b(?:an? |one )?(half|third|quarter|fourth|fifth|tenth)\s+(?:of )(?:an? )?(?=[\d$€£(a-z])", r"<\1>*"),
    (r"\b(?:an? |one |1 )(half|third|quarter|fourth|fifth|tenth)\b", r"<\1>"),
    (r"\bhalf an? (?=[a-z])", "0.5 "),
    (
        r"\b(two|three|four|five|seven|nine)[ -](third|quarter|fourth|fifth|eighth|tenth)s(?: of)?\b",
        r"<\1>*<\2>*",
    ),
    (r"\b(?:twice|double)\b", "2*"),
    (r"\b(?:thrice|triple)\b", "3*"),
    (r"\b(square|sq\.?|cubic|cu\.?) (?!root)([a-z]+)\b", r"\2^<\1>"),
    (r"\b(\d+) factorial\b", r"\1!"),
    (r"\babsolute value of\b", "abs of"),
    (r"\bnatural log(?:arithm)? of\b", "ln of"),
    (r"\blog(?:arithm)? base (\d+) of\b", r"log_\1 "),
    (r"\blog(?:arithm)? of (\d+) (?:to|in|with)? ?(?:the )?base (\d+)\b", r"log_\2 \1"),
    (r"\b(?:largest|greatest|biggest|highest) of\b", "max of"),
    (r"\b(?:smallest|least|lowest) of\b", "min of"),
    (r"\b(square|cube) of (\d+(?:\.\d+)?)(?!\S)", r"\2^<\1>"),
    (r"\b(?:as|in) an? (?:decimal|fraction)\b", ""),
    (r"^(.+) (?:as|in) (?:an? )?(?:percent(?:age)?|%)$", r"(\1)*100"),
    (r"\bsquared\b", "^2"),
    (r"\bcubed\b", "^3"),
    (r"\b(?:raised )?to the (?:power (?:of )?)?(\d+)(?:th|st|nd|rd)?(?: power)?\b", r"^\1"),
    (r"\b(?:raised )?to the power (?:of )?", "^"),
    (r"\bsquare root of\b", "sqrt of"),
    (r"\bcube root of\b", "cbrt of"),
    (r"\bmultiplied by\b", "*"),
    (r"\bdivided by\b", "/"),
    (r"\bper ?cent\b", "percent"),
    (r"\bdegrees? (C|F|[Cc]elsius|[Ff]ahrenheit)\b", r"°\1"),
    (r"\bdeg (C|F)\b", r"°\1"),
    (r"°[Cc]elsius", "°C"),
    (r"°[Ff]ahrenheit", "°F"),
    (r"\blight[ -]years?\b", "light_year"),
    (r"\bfl\.? ?oz\b|\bfluid ounces?\b", "floz"),
    (r"\bnautical miles?\b", "nmi"),
    (r"(?<=[\d)]) ?x ?(?=\$)", "*"),
)
PHRASES = tuple((re.compile(pattern), shape) for pattern, shape in _PHRASES)
_PHRASE_HINTS = re.compile(
    r"equal|half|third|quarter|fourth|fifth|tenth|eighth|twice|double|triple|thrice|square|sq|cu|power|to the|root|"
    r"factorial|absolute|log|largest|greatest|biggest|highest|smallest|least|lowest|cube|decimal|fraction|multiplied|"
    r"divided|cent|deg|light|fl|fluid|nautical|x ?\$"
)
_PARTS = {"half": "1/2", "third": "1/3", "quarter": "1/4", "fourth": "1/4", "fifth": "1/5", "eighth": "1/8"}
_PARTS |= {
    "tenth": "1/10",
    "square": "2",
    "sq": "2",
    "sq.": "2",
    "cube": "3",
    "cubic": "3",
    "cu": "3",
    "cu.": "3",
}

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: n for n, word in enumerate(_UNITS.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), 2)
}
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_NUMBER_WORDS = re.compile(
    rf"\b(?:{'|'.join(SMALL)})(?:[ -](?:and )?(?:{'|'.join((*SMALL, *_LARGE))}))*\b", re.IGNORECASE
)
_LINEAR = re.compile(r"(?<![\w.])\d+(?:\.\d+)?x(\d)(?![\dx.])")
_INDEXED = re.compile(r"(?<![\w.)])x(\d)(?!\w)")
_LETTER = re.compile(r"(?<![A-Za-z])([a-df-z])(?![A-Za-z])")


def respell(text: str) -> str:
    """The line as an expression, as far as the tables know it."""
    if not _WORD.search(text) and ":" not in text:
        _check_linear(text)
        return text
    if " " in text:
        text = _sentence(text)
    if _PHRASE_HINTS.search(text):
        for pattern, shape in PHRASES:
            text = pattern.sub(_filled(shape), text)
    _check_linear(text)
    return text


def _sentence(text: str) -> str:
    stripped = _ENDS.sub("", text)
    if _HINTS.search(stripped):
        for pattern, shape in FORMS:
            for line in (stripped, _ASKS.sub("", stripped)):
                if match := pattern.fullmatch(line):
                    return _in_words(_bound(match, shape))
    return _in_words(_ASKS.sub("", stripped))


def _bound(match: re.Match[str], shape: str) -> str:
    """The shape with its groups; `{1|2}` is the variable: group 2, or the one letter of group 1."""
    if "{" in shape:
        letters = set(_LETTER.findall(match[1]))
        variable = match[2] or (letters.pop() if len(letters) == 1 else "x")
        shape = shape.replace(r"{\1|\2}", variable)
    return match.expand(shape)


def _filled(shape: str) -> Callable[[re.Match[str]], str]:
    def fill(match: re.Match[str]) -> str:
        return re.sub(r"<(\w+\.?)>", lambda m: _part(m[1]), match.expand(shape))

    return fill


def _part(word: str) -> str:
    number = SMALL.get(word)
    if number is not None:
        return str(number)
    return f"({_PARTS[word]})" if "/" in _PARTS[word] else _PARTS[word]


def _in_words(text: str) -> str:
    """Numbers in words: `twenty five` is 25; fractions such as `two thirds` are the phrases' to read."""
    if not _WORD.search(text):
        return text
    return _NUMBER_WORDS.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    if re.match(r"[ -](?:third|quarter|fourth|fifth|eighth|tenth)s", match.string[match.end() :]):
        return match[0]
    total = part = 0
    for word in re.findall(r"[a-z]+", match[0].lower()):
        if word in SMALL:
            part += SMALL[word]
        elif word == "hundred":
            part *= 100
        elif word in _LARGE:
            total, part = total + part * _LARGE[word], 0
    return str(total + part)


def _check_linear(text: str) -> None:
    """`3x4` is a product; beside another of its kind, `2x1 + 3x2` is as much a sum of variables."""
    found = list(_LINEAR.finditer(text))
    others = {match[1] for match in found}
    if found and (len(others) > 1 or _INDEXED.search(text)):
        number, digit = found[0][0].split("x")
        raise CalculationError(
            f"two readings: write {number}*{digit} for a product, or {number}*x{digit} for a variable"
        )
