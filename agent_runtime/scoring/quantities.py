"""Numbers with what belongs to them, in one way: `$1,200.00` is `1200 usd`, `five km` is `5 kilometer`.

Exact: a value is a whole number or a fraction in lowest terms. A percentage stays one, a scale word (`2.5 million`) is
multiplied in, a unit that is known gets its name, and any other word stays as it is: 3 apples are no 3 oranges. Units
are not converted.
"""

import re
from fractions import Fraction

MAX_DIGITS = 400

_SYMBOLS = {"$": "usd", "us$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "₹": "inr", "₩": "krw", "₽": "rub"}
_NAMES = {"dollar": "usd", "dollars": "usd", "euro": "eur", "euros": "eur", "yen": "jpy", "rupees": "inr"}
_CODES = (  # noqa: SIM905
    "aud brl cad chf cny czk dkk eur gbp hkd huf idr ils inr jpy krw mxn myr nok nzd pln ron rub sar sek sgd "
    "thb try twd uah usd vnd zar"
).split()
CURRENCY = rf"(?:{'|'.join(_CODES)})"
_SIGN = r"[-+]?"
_PLAIN = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:e[-+]?\d{1,3})?|\.\d+(?:e[-+]?\d{1,3})?"
_QUANTITY = re.compile(
    rf"(?P<sign>{_SIGN})(?P<currency>us\$|[$€£¥₹₩₽]|{CURRENCY} )? ?(?P<inner>{_SIGN})"
    rf"(?:(?:(?P<whole>\d{{1,50}}) )?(?P<over>\d{{1,50}})/(?P<under>\d{{1,50}})|(?P<plain>{_PLAIN}))"
    r"(?: ?(?P<scale>thousand|million|billion|trillion)\b)?(?P<tail>.*)",
    re.I | re.S,
)
_POWER = re.compile(
    rf"(?:({_SIGN}(?:{_PLAIN})) ?[*\u00d7·] ?)?(-?\d{{1,9}}) ?(?:\^|\*\*) ?\(?(-?\d{{1,3}})\)?", re.I
)
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PERCENT = re.compile(r" ?(?:%|percent|per cent|pct)", re.I)

_SMALL = (  # noqa: SIM905  (reads as a sentence)
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENTHS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_TENS = {name: 10 * at for at, name in enumerate(_TENTHS, 2)}
_WORDS = {**{name: at for at, name in enumerate(_SMALL)}, **_TENS}
_IN_WORDS = re.compile(
    rf"({'|'.join(_TENS)})[- ]({'|'.join(_SMALL[1:10])})\b|({'|'.join(sorted(_WORDS, key=len, reverse=True))})\b",
    re.I,
)

_PREFIXES = {
    "": "",
    "k": "kilo",
    "M": "mega",
    "G": "giga",
    "T": "tera",
    "m": "milli",
    "c": "centi",
    "µ": "micro",
}
_BASES = {
    "m": "meter", "g": "gram", "s": "second", "l": "liter", "W": "watt", "Wh": "watthour", "J": "joule", "V": "volt",
    "A": "ampere", "Hz": "hertz", "Pa": "pascal", "N": "newton", "B": "byte", "bit": "bit",
}  # fmt: skip
_OTHERS = {
    "min": "minute", "h": "hour", "hr": "hour", "hrs": "hour", "hours": "hour", "sec": "second", "°": "degree",
    "deg": "degree", "°c": "degree celsius", "°f": "degree fahrenheit", "ft": "foot", "feet": "foot", "in": "inch",
    "inches": "inch", "mi": "mile", "yd": "yard", "lb": "pound", "lbs": "pound", "oz": "ounce", "t": "tonne",
}  # fmt: skip
_UNITS = {
    f"{short}{base}": f"{prefix}{name}"
    for short, prefix in _PREFIXES.items()
    for base, name in _BASES.items()
}
_UNITS |= _OTHERS
_UNIT_NAMES = {name: name for name in _UNITS.values()} | {
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year",
}
_SPELLING = re.compile(r"(?<=met|lit)re(?=s?\b)", re.I)  # metre, litre
_LOWER: dict[str, set[str]] = {}
for _symbol, _name in _UNITS.items():
    _LOWER.setdefault(_symbol.casefold(), set()).add(_name)


def quantity(text: str) -> str | None:
    """A number, a percentage, an amount of money or of something, in canonical form; None where `text` is none."""
    if match := _POWER.fullmatch(text):
        return _power(match)
    text = in_figures(text)
    match = _QUANTITY.fullmatch(text)
    if match is None or len(text) > MAX_DIGITS:
        return None
    value = _value(match)
    after = None if value is None else _after(match["tail"], (match["currency"] or "").strip().casefold())
    return None if after is None else f"{value}{after}"


def in_figures(text: str) -> str:
    """A text that begins with a small number in words, with that number in figures."""
    match = _IN_WORDS.match(text)
    if match is None:
        return text
    n = _WORDS[match[1].lower()] + _WORDS[match[2].lower()] if match[1] else _WORDS[match[3].lower()]
    rest = text[match.end() :]
    return f"{n}{rest}" if not rest or rest.startswith(" ") else text


def _value(match: re.Match[str]) -> Fraction | None:
    if match["over"]:
        if int(match["under"]) == 0:
            return None
        value = Fraction(int(match["over"]), int(match["under"]))
        if match["whole"]:
            if value >= 1:
                return None
            value += int(match["whole"])
    else:
        value = Fraction(match["plain"].replace(",", "").replace(".e", "e").rstrip("."))
    value *= _SCALES.get((match["scale"] or "").lower(), 1)
    return -value if (match["sign"] + match["inner"]).count("-") == 1 else value


def _power(match: re.Match[str]) -> str | None:
    base, exponent = int(match[2]), int(match[3])
    if base == 0 or (abs(base) > 10 and abs(exponent) > 30):
        return None
    return str(Fraction(match[1].replace(",", "") if match[1] else 1) * Fraction(base) ** exponent)


def _after(tail: str, currency: str) -> str | None:
    """What stands behind the number: a percent sign, a currency, a unit, a word; None where it makes no quantity."""
    code = _SYMBOLS.get(currency, currency)
    if not tail:
        return f" {code}" if code else ""
    if _PERCENT.fullmatch(tail):
        return None if code else "%"
    word = tail.strip()
    folded = word.casefold()
    behind = _SYMBOLS.get(folded) or _NAMES.get(folded) or (folded if folded in _CODES else "")
    if behind:
        return f" {behind}" if code in ("", behind) else None
    if code or not word or not (word[0].isalpha() or word[0] == "°"):
        return None
    if known := unit(word):
        return f" {known}"
    return f" {folded}" if tail[0] == " " else None


def unit(text: str) -> str | None:
    """The name of a unit, of a ratio of units or of a square one; None where it is not known."""
    parts = [_unit(part) for part in re.split(r" ?/ ?| per ", text)]
    return "/".join(part for part in parts if part) if all(parts) else None


def _unit(text: str) -> str | None:
    if square := re.fullmatch(r"(?:square |sq\.? )(.+)|(.+?)(?:\^2|²)", text, re.I):
        name = _unit(square[1] or square[2])
        return f"{name}^2" if name else None
    if text in _UNITS:
        return _UNITS[text]
    folded = _SPELLING.sub("er", text.casefold())
    if folded.startswith(("degrees ", "degree ")):
        folded = f"degree {folded.partition(' ')[2]}"
    singular = folded if folded in _UNIT_NAMES else folded.removesuffix("s")
    if singular in _UNIT_NAMES:
        return _UNIT_NAMES[singular]
    names = _LOWER.get(folded, set())  # `KM`; but `mw` may be two units
    return next(iter(names)) if len(names) == 1 else None
