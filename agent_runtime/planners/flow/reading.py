"""A question about a table of transfers, read: whom it names and in which part, when, how far, and what it wants.

Pure and data-driven: names are only those that the table holds (`flow_named` has looked them up), so nothing in a
question can become an account that is none. Reads English.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from agent_runtime.planners.flow.lexicon import (
    Concept,
    concepts,
    is_payee_word,
    is_payer_word,
    n_flow_verbs,
    number,
)

MAX_MENTIONS = 200  # possible names looked up; the longest list of accounts seen had 60
MAX_NAME_WORDS = 6

_WORD = re.compile(r"[\w:./&'\u2019-]*\w")
_NAME_START = re.compile(r"[A-Z0-9\"“]")
_JOINING = {"of", "the", "and", "&", "de", "von", "und", "for"}
_DAY = r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_SPOKEN_DAY = re.compile(rf"\b(\d{{1,2}}) ({'|'.join(_MONTHS)}) (\d{{4}})\b", re.IGNORECASE)
_SPOKEN_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)}) (\d{{4}})\b", re.IGNORECASE)
_UNIT = r"(?:steps?|days?|periods?|weeks?|ticks?|rounds?|hours?)"
_COUNTABLE = r"(?:accounts?|parties|payers?|payees?|senders?|recipients?|companies|counterparties|others?)"


@dataclass(frozen=True, slots=True)
class Count:
    """A condition on how many counterparties an account has: `side` is "in" (payers) or "out" (payees)."""

    side: str
    relation: str  # ">=", "<=" or "="
    n: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a question says. `since` and `until` are SQL literals, inclusive; None: not said."""

    concepts: frozenset[Concept]
    payers: tuple[str, ...] = ()
    payees: tuple[str, ...] = ()
    unplaced: tuple[str, ...] = ()  # named accounts whose part the words do not tell
    currency: str | None = None
    since: str | None = None
    until: str | None = None
    max_hops: int | None = None
    counts: tuple[Count, ...] = ()
    columns: tuple[str, ...] = ()  # the form of the reply, where one is asked for: ("account", "count")
    time_format: str | None = None  # the form of a time in the reply, as strftime has it
    n_verbs: int = 0  # how often it says that somebody pays or is paid

    @property
    def named(self) -> tuple[str, ...]:
        """Every account that is named."""
        return tuple(dict.fromkeys((*self.payers, *self.payees, *self.unplaced)))


def mentions(question: str, *, is_stepped: bool = False) -> list[str]:
    """The spans of a question that could be names: in quotes, with a digit in them, or in capitals."""
    question = _without_quantities(_without_times(question, is_stepped=is_stepped)[0])
    found = [
        text for pair in re.findall(r"\"([^\"]{1,80})\"|“([^”]{1,80})”", question) for text in pair if text
    ]
    words = [(match.group(), match.start(), match.end()) for match in _WORD.finditer(question)]
    for first, (word, start, _) in enumerate(words):
        if not (_NAME_START.match(word) or any(character.isdigit() for character in word)):
            continue
        for last in range(first, min(len(words), first + MAX_NAME_WORDS)):
            end_word, _, end = words[last]
            if not _is_name_word(end_word):
                if end_word.lower() in _JOINING:
                    continue
                break
            found.append(question[start:end])
            if question[end : end + 1] in {",", ";", "?", "!"}:
                break
    return list(dict.fromkeys(found))[:MAX_MENTIONS]


def read(question: str, named: Sequence[tuple[str, str]] = (), *, is_stepped: bool = False) -> Reading:
    """Read a question. `named` are (kind, name) pairs that the table holds; kinds are account and currency."""
    accounts = [name for kind, name in named if kind == "account"]
    currencies = [name for kind, name in named if kind == "currency"]
    text, bounds = _without_times(question, is_stepped=is_stepped)
    payers, payees, unplaced = _parts(_without_quantities(text), accounts)
    since, until = _window(bounds)
    whole = _without_names(text, (*accounts, *currencies)).lower()
    said = _without_asides(whole)
    return Reading(
        concepts(said) | (concepts(whole) & {"beyond"}), payers, payees, unplaced,
        currencies[0] if currencies else None, since, until,
        _max_hops(text.lower()), tuple(_counts(said)), _columns(question.lower()), _time_format(question),
        n_flow_verbs(said),
    )  # fmt: skip


def without_what_is_read(question: str, names: Sequence[str], *, is_stepped: bool = False) -> str:
    """The question in lower case without what `read` takes from it besides concepts: names, times, limits, asides."""
    text = _without_names(_without_times(question, is_stepped=is_stepped)[0], names).lower()
    text = _DECIMALS.sub(" ", _HOPS.sub(" ", _without_asides(text)))
    return _COUNTS.sub(lambda found: " " if number(found.group(2)) is not None else found.group(), text)


_DECIMALS = re.compile(r"\b\d+ (?:decimals?|decimal places|places)\b")
_HOPS = re.compile(
    r"\b(?:at most|within|up to|no more than|maximum of|using|in|after)(?: at most| no more than)? (\w+) "
    r"(?:transfers?|hops?|payments?|hand-?overs?|links?|stages?)\b"
)
_COUNTS = re.compile(
    r"\b(at least|at most|exactly|only|no more than|more than|fewer than|less than) (\w+) "
    rf"(?:(?:distinct|different|separate|other) )*{_COUNTABLE}\b"
)
_QUANTITY = re.compile(
    r"\b(?:at least|at most|exactly|only|no more than|more than|fewer than|less than|within|up to|above|below|over"
    r"|under) (\d[\d,.]*)\b"
    r"|\b(\d+) (?:transfers?|hops?|payments?|hand-?overs?|links?|stages?|decimals?|days?|accounts?)\b",
    re.IGNORECASE,
)
_REPLY_FORM = re.compile(r"\bas (?:[\w ]+\|)+[\w ]+")


def _without_quantities(text: str) -> str:
    """Numbers that count something blanked out: they are no account numbers."""
    return _QUANTITY.sub(lambda match: re.sub(r"\d", " ", match.group()), text)


def _without_names(text: str, names: Sequence[str]) -> str:
    """What a company is called says nothing about the question."""
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(re.escape(name), "§", text, flags=re.IGNORECASE)
    return text


def _without_asides(text: str) -> str:
    """The question without what stands in brackets, and without the form of the reply."""
    return _REPLY_FORM.sub(" ", re.sub(r"\([^()]*\)", " ", text))


def _is_name_word(word: str) -> bool:
    return bool(_NAME_START.match(word)) or any(character.isdigit() for character in word)


# --- who


def _parts(text: str, accounts: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Who pays, who is paid, and whom the words leave open: by preposition first, then by the verb that follows."""
    payers: dict[str, None] = {}
    payees: dict[str, None] = {}
    seen: dict[str, None] = {}
    for name in accounts:
        for match in re.finditer(rf"(?<![\w:]){re.escape(name)}(?!:?\w)", text, re.IGNORECASE):
            seen[name] = None
            part = _part(text[: match.start()], text[match.end() :])
            if part is not None:
                (payers if part == "payer" else payees).setdefault(name)
    unplaced = [name for name in seen if name not in payers and name not in payees]
    if len(seen) == 2 and len(unplaced) == 1 and _is_before_to(text, unplaced[0], *payees):
        payers[unplaced.pop()] = None
    return tuple(payers), tuple(payees), tuple(unplaced)


def _is_before_to(text: str, name: str, *payees: str) -> bool:
    """Whether a text says `NAME ... to PAYEE`, whatever the verb is."""
    return any(
        re.search(rf"{re.escape(name)}\s[^.;?!,]*\bto\s+{re.escape(payee)}", text, re.IGNORECASE)
        for payee in payees
    )


_FILLERS = {
    "account", "accounts", "the", "party", "company", "a", "an", "of", "all", "other", "business", "firm",
}  # fmt: skip


def _part(before: str, after: str) -> str | None:
    left = [word for word in re.findall(r"[\w'-]+|[.;?!:]", before.lower())[-8:] if word not in _FILLERS]
    right = re.findall(r"[\w'-]+|[.;?!,:]", after.lower())[:4]
    return _part_by_left(left) or _part_by_right(right)


def _part_by_left(left: Sequence[str]) -> str | None:
    if not left:
        return None
    last, earlier = left[-1], left[:-1]
    if last in {"from", "leaves", "leave", "leaving", "left"} or left[-2:] == ["out", "of"] or last == "out":
        return "payer"
    if last in {"to", "at", "into", "reach", "reaches", "reached", "towards", "with"} and earlier:
        return None if last == "with" else "payee"
    if last == "by":
        verb = next(
            (word for word in reversed(earlier) if is_payer_word(word) or is_payee_word(word)), "made"
        )
        return "payee" if is_payee_word(verb) else "payer"
    if is_payer_word(last):  # "outflow [of] X"; "who paid X" has X on the other side
        return "payer" if last.startswith(("out", "spen", "disb")) else "payee"
    if last.startswith(("inflow", "receipt")):
        return "payee"
    return None


def _part_by_right(right: Sequence[str]) -> str | None:
    for word in right:
        if word in {".", ";", "?", "!", ","}:
            return None
        if is_payer_word(word):
            return "payer"
        if is_payee_word(word):
            return "payee"
    return None


# --- when


@dataclass(frozen=True, slots=True)
class _Bound:
    """A point in time with the words before and after it."""

    first: str  # SQL literals; both the same for a point, the ends of a month for a month
    last: str
    before: str
    after: str


def _without_times(question: str, *, is_stepped: bool) -> tuple[str, list[_Bound]]:
    """The question with its points in time blanked out, and those points in their order."""
    found: list[tuple[int, int, str, str]] = []
    if is_stepped:
        for match in re.finditer(
            rf"\b{_UNIT} (\d+)(?:(\s*(?:to|-|\u2013|and|until|through)\s*)(\d+))?", question, re.I
        ):
            found.append((match.start(), match.end(1), match.group(1), match.group(1)))
            if match.group(3):
                found.append((match.start(3), match.end(3), match.group(3), match.group(3)))
    else:
        for match in re.finditer(_DAY, question):
            found.append((match.start(), match.end(), *_literals(match.group())))
        for match in _SPOKEN_DAY.finditer(question):
            day = date(int(match.group(3)), _MONTHS.index(match.group(2).lower()) + 1, int(match.group(1)))
            found.append((match.start(), match.end(), *_literals(day.isoformat())))
        taken = [span[:2] for span in found]
        for match in _SPOKEN_MONTH.finditer(question):
            if not any(start <= match.start() < end for start, end in taken):
                found.append((match.start(), match.end(), *_month(match.group(1), int(match.group(2)))))
    found.sort()
    text, bounds = question, []
    for start, end, first, last in found:
        bounds.append(_Bound(first, last, question[:start].lower()[-60:], question[end:].lower()[:60]))
        text = text[:start] + " " * (end - start) + text[end:]
    return text, bounds


def _literals(day: str) -> tuple[str, str]:
    """The first and the last moment of a day, or a moment twice."""
    if len(day) > len("2024-01-01"):
        return f"TIMESTAMP '{day}'", f"TIMESTAMP '{day}'"
    return f"TIMESTAMP '{day}'", f"TIMESTAMP '{day} 23:59:59.999'"


def _month(name: str, year: int) -> tuple[str, str]:
    at = _MONTHS.index(name.lower()) + 1
    after = date(year + at // 12, at % 12 + 1, 1)
    last = date.fromordinal(after.toordinal() - 1)
    return _literals(date(year, at, 1).isoformat())[0], _literals(last.isoformat())[1]


_SINCE = re.compile(r"\b(?:since|from|after|starts?|starting|beginning|onwards?|later)\b")
_UNTIL = re.compile(r"\b(?:until|till|by|before|up to|through|no later than|not later than|earlier)\b")


def _window(bounds: Sequence[_Bound]) -> tuple[str | None, str | None]:
    """The first and the last moment that count, both inclusive."""
    since: str | None = None
    until: str | None = None
    for at, bound in enumerate(bounds):
        follower = bounds[at + 1] if at + 1 < len(bounds) else None
        if since is None and follower is not None and _is_range(bound.after):
            since, until = bound.first, follower.last
        elif since is None and until is None:
            near = bound.before.rsplit(".", 1)[-1][-30:]
            if re.match(r"\s*(?:or|and) (?:later|after|onwards?)", bound.after) or _SINCE.search(near):
                since = bound.first
            elif re.match(r"\s*(?:or|and) (?:earlier|before)", bound.after) or _UNTIL.search(near):
                until = bound.last
            else:
                since, until = bound.first, bound.last
    return since, until


def _is_range(between: str) -> bool:
    return bool(
        re.match(rf"\s*(?:,\s*)?(?:to|and|until|till|through|-|\u2013)\s+(?:{_UNIT}\s+)?", between)
    ) or bool(re.match(r"\s*[-\u2013]\s*", between))


# --- how far, how many, in which form


def _max_hops(text: str) -> int | None:
    found = _HOPS.search(text)
    return number(found.group(1)) if found else None


def _counts(text: str) -> Iterator[Count]:
    """Conditions such as `from at least 4 distinct accounts`, each with the side of the verb before it."""
    for match in _COUNTS.finditer(text):
        n = number(match.group(2))
        verbs = [
            word
            for word in re.findall(r"[\w'-]+", text[: match.start()])
            if is_payer_word(word) or is_payee_word(word)
        ]
        if n is None or not verbs:
            continue
        relation, step = {
            "at least": (">=", 0), "at most": ("<=", 0), "no more than": ("<=", 0), "exactly": ("=", 0),
            "only": ("=", 0), "more than": (">=", 1), "fewer than": ("<=", -1), "less than": ("<=", -1),
        }[match.group(1)]  # fmt: skip
        yield Count("in" if is_payee_word(verbs[-1]) else "out", relation, n + step)


def _columns(text: str) -> tuple[str, ...]:
    """The form of the reply: `as account|count|total`."""
    found = re.search(r"\bas ((?:[a-z ]+\|)+[a-z ]+)", text)
    return tuple(word.strip() for word in found.group(1).split("|")) if found else ()


_TIME_FORM = re.compile(r"\b(?:YYYY|MM|DD)[-./](?:YYYY|MM|DD)[-./](?:YYYY|MM|DD)(?:[ T]HH:MM(?::SS)?)?\b")


def _time_format(question: str) -> str | None:
    """`YYYY-MM-DD HH:MM` as strftime has it; None where no form is asked for."""
    found = _TIME_FORM.search(question)
    if found is None:
        return None
    day, gap, hour = found.group()[:10], found.group()[10:11], found.group()[11:]
    hour = hour.replace("HH", "%H").replace("MM", "%M").replace("SS", "%S")
    return day.replace("YYYY", "%Y").replace("MM", "%m").replace("DD", "%d") + gap + hour
