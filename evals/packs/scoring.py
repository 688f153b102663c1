"""Is an answer right? The checkers that pack items name: exact, numeric, set, tests.

`tests` runs what a model wrote, so it runs in the sandbox and nowhere else.
"""

import json
import math
import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from agent_runtime.protocols import Sandbox
from agent_runtime.types import SandboxJob
from evals.packs.items import Item

NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s*/\s*\d+(?:\.\d+)?)?")
DEFAULT_TOLERANCE = 1e-6


async def is_right(item: Item, answer: Any, sandbox: Sandbox) -> bool:  # text or list
    """Whether `answer` (text, or a list for set items) is right; None never is."""
    if answer is None:
        return False
    if item.checker == "tests":
        return await _passes_tests(item, str(answer), sandbox)
    check = _CHECKERS[item.checker]
    return any(check(answer, gold, item.check) for gold in item.golds)


async def _passes_tests(item: Item, answer: str, sandbox: Sandbox) -> bool:
    check = item.check
    files = {**item.files, **check.get("hidden_files", {}), check["answer_file"]: answer}
    argv = tuple("python3" if word == "python" else word for word in check["cmd"])
    encoded = {name: text.encode() for name, text in files.items()}
    job = SandboxJob(argv=argv, files=encoded, seconds=float(check.get("timeout", 30)))
    execution = await sandbox.run(job, f"score-{item.id}"[:60])
    await sandbox.release(f"score-{item.id}"[:60])
    return execution.exit_code == 0 and not execution.is_timeout


def to_number(value: Any) -> float | None:
    """A number as people write it ($, %, thousands, fractions, accounting negatives); None when it is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    text = unicodedata.normalize("NFKC", str(value)).replace("\u2212", "-")
    text = re.sub(r"\\[,!]|[$,%\s\\]", "", text.strip().rstrip("."))
    text = re.sub(r"^\((\d[\d.]*)\)$", r"-\1", text)
    try:
        number = float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def last_number(answer: Any) -> float | None:
    """The answer as a number, or else the last number in its text."""
    number = to_number(answer)
    if number is not None:
        return number
    found = [match.group() for match in NUMBER.finditer(str(answer)) if re.search(r"\d", match.group())]
    return to_number(found[-1]) if found else None


def _numeric(answer: Any, gold: Any, check: dict[str, Any]) -> bool:
    number, right = last_number(answer), to_number(gold)
    return number is not None and right is not None and _is_close(number, right, check)


def _is_close(number: float, gold: float, check: dict[str, Any]) -> bool:
    relative = check.get("rel", DEFAULT_TOLERANCE) * abs(gold)
    return bool(abs(number - gold) <= max(check.get("abs", DEFAULT_TOLERANCE), relative))


def _set(answer: Any, gold: Any, check: dict[str, Any]) -> bool:
    found = as_list(answer, check.get("split"))
    if len(found) != len(gold):
        return False
    if check.get("ordered"):
        return all(_cells_equal(left, right, check) for left, right in zip(found, gold, strict=True))
    rest = list(found)
    for right in gold:
        match = next((left for left in rest if _cells_equal(left, right, check)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def as_list(answer: Any, split: str | None = None) -> list[Any]:
    """The values of an answer: a JSON list, or text with one of the usual separators."""
    if isinstance(answer, list | tuple):
        return list(answer)
    text = str(answer).strip()
    if split:
        return [part for piece in re.split(split, text) if (part := piece.strip(" ."))]
    if text.startswith("["):
        try:
            return list(json.loads(text))
        except ValueError:
            pass
    separators = ["\n", "|", "->", ";"] + ([] if to_number(text) is not None else [","])
    for separator in separators:
        if separator in text:
            return [piece.strip() for piece in text.split(separator) if piece.strip()]
    return [text]


def _cells_equal(left: Any, right: Any, check: dict[str, Any]) -> bool:
    if isinstance(right, list):
        parts = left if isinstance(left, list) else [part.strip() for part in str(left).split(",")]
        return len(parts) == len(right) and all(
            _cells_equal(one, other, check) for one, other in zip(parts, right, strict=True)
        )
    if right is None:
        return left is None or plain(left) in ("", "none", "null", "nan")
    first, second = to_number(left), to_number(right)
    if first is not None and second is not None:
        return _is_close(first, second, check)
    return _NORMS[check.get("norm", "text")](left) == _NORMS[check.get("norm", "text")](right)


def plain(value: Any) -> str:
    """Text without accents, case, quotes around it or a full stop at its end."""
    text = unicodedata.normalize("NFKD", str(value))
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = re.sub("[\u2018\u2019\u00b4`]", "'", text)
    text = re.sub("[\u201c\u201d]", '"', text)
    text = re.sub("[\u2010-\u2014\u2212]", "-", text)
    return re.sub(r"\s+", " ", text).strip().lower().strip("\"' ").rstrip(".").strip()


def _without_notes(value: Any) -> str:
    """A wiki table's cell without footnote marks and trailing brackets."""
    text = plain(value)
    return re.sub(r"(?<=\S)\s*(\[[^\]]*\]|\([^)]*\)|[•♦†‡*#+]+)+$", "", text).strip().strip('"')


def latex(value: Any) -> str:
    """LaTeX maths without what changes only its looks."""
    text = str(value).strip()
    boxed = re.findall(r"\\boxed\{(.*)\}", text)
    text = (boxed[-1] if boxed else text).strip().strip("$")
    text = re.sub(r"\\(left|right|[!,; ])", "", text).replace("dfrac", "frac").replace("tfrac", "frac")
    text = re.sub(r"\\[%$]|[%$]|\^\{?\\circ\}?", "", text)
    text = re.sub(r"\\(?:text|mbox|textbf)\{\s*(.*?)\s*\}", r"\1", text)
    text = re.sub(r"\\frac(\d)(\d)", r"\\frac{\1}{\2}", text)
    text = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", text)
    text = re.sub(r"^[a-zA-Z]\s*=\s*", "", text)
    return re.sub(r"\s+", "", text).rstrip(".")


def _choice(value: Any) -> str:
    found = re.findall(r"\(([A-Z])\)", str(value)) or re.findall(r"\b([A-Z])\b", str(value))
    return found[-1] if found else str(value).strip().upper()


def _exact(answer: Any, gold: Any, check: dict[str, Any]) -> bool:
    norm = check.get("norm", "text")
    left, right = _NORMS[norm](answer), _NORMS[norm](gold)
    if norm == "latex" and left != right:
        first, second = to_number(left), to_number(right)
        return first is not None and second is not None and _is_close(first, second, {})
    return left == right


_NORMS: dict[str, Callable[[Any], str]] = {
    "text": plain,
    "wtq": _without_notes,
    "latex": latex,
    "choice": _choice,
    "code": lambda value: str(value).rstrip(),
    "compact": lambda value: re.sub(r"\s+", "", str(value)),
}
_CHECKERS: dict[str, Callable[[Any, Any, dict[str, Any]], bool]] = {
    "exact": _exact,
    "numeric": _numeric,
    "set": _set,
}
