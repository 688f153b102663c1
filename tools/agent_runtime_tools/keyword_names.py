"""Names of tables and columns that are words of SQL, put in quotes where a statement could not be read otherwise."""

import re
from collections.abc import Collection

# strings, quoted names and comments stay as they are
TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\w+|\W", re.DOTALL)
PHRASES = re.compile(
    r"\b(?:(?:natural\s+)?(?:left|right|full|inner|cross|semi|anti|asof|positional)\s+(?:outer\s+)?join|join\b(?=[^;]*\bon\b)"
    r"|(?:order|group|partition)\s+by|at\s+time\s+zone)\b|\b\w+\s*(?=\()",
    re.IGNORECASE,
)


def quote_names(text: str, names: Collection[str]) -> str:
    """The statement with every word in `names` (small letters) quoted, but those that belong to SQL there."""
    kept = [match.span() for match in PHRASES.finditer(text)]
    parts = []
    for token in TOKEN.finditer(text):
        word = token.group()
        is_kept = any(start <= token.start() < end for start, end in kept)
        parts.append(f'"{word}"' if word.lower() in names and not is_kept else word)
    return "".join(parts)
