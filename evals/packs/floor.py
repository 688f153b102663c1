"""The floor: what the tools find without a model. A result that does not clear it owes nothing to reasoning.

Deliberately blind: the cell where the question's words meet a table, the first option of a choice, the product of
the first two numbers of a word problem. No tuning, no knowledge of a pack.
"""

import csv
import re
from collections.abc import Iterable
from io import StringIO

from evals.packs.items import Item

WORD = re.compile(r"[a-z0-9]+")


def floor_answer(item: Item) -> str:
    """A guess from the item's words and tables alone."""
    tables = [text for name, text in item.files.items() if name.endswith(".csv")]
    for text in tables:
        cell = _best_cell(text, item.question)
        if cell:
            return cell
    if re.search(r"\(A\)", item.question):
        return "(A)"
    numbers = [float(found) for found in re.findall(r"\d+(?:\.\d+)?", item.question)]
    return f"{numbers[0] * numbers[1]:g}" if len(numbers) > 1 else ""


def _best_cell(table: str, question: str) -> str:
    """The cell in the row and the column that share most words with the question."""
    rows = list(csv.reader(StringIO(table)))[:2_000]
    if len(rows) < 2:
        return ""
    asked = set(WORD.findall(question.lower()))
    header, body = rows[0], rows[1:]
    column = _most_shared(header, asked)
    row = body[_most_shared([" ".join(cells) for cells in body], asked)]
    return row[column] if column < len(row) else ""


def _most_shared(texts: Iterable[str], asked: set[str]) -> int:
    shares = [len(asked & set(WORD.findall(text.lower()))) for text in texts]
    return shares.index(max(shares))
