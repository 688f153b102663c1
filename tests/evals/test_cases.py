"""What a tool said against what a case says is right."""

import json
from typing import Any

import pytest

from agent_runtime.types import Cell, Observation, Remark, ResultTable
from evals.cases import calculated, compared, judged, loaded, queried, report


def table(*rows: tuple[Cell, ...], remarks: tuple[Remark, ...] = ()) -> Observation:
    columns = tuple((f"c{at}", "VARCHAR") for at in range(len(rows[0])))
    return Observation("sql", "", "", table=ResultTable(columns, rows, len(rows)), remarks=remarks)


@pytest.mark.parametrize(
    ("right", "cells"),
    [
        ("30", (30,)),
        ("1628.89", ("1628.894627",)),
        ("A / B", ("A", "B")),
        ("2 or 3", (3,)),
        ("10, -11", ("[-11, 10]",)),
        ("6", ("6 ft",)),
        ("true", ("true (9 = 9)",)),
        ("-0.988 (rad)", (-0.98803,)),
        ("9.33e157", ("9.3326e157",)),
    ],
)
def test_a_value_that_a_case_calls_right_is_right(right, cells):
    assert judged("load", "q", right, table(cells)).outcome == "right"


@pytest.mark.parametrize(
    ("right", "cells"),
    [
        ("30", (31,)),
        ("1628.89", (1628.9,)),
        ("A / B", ("A", "C")),
        ("2 or 3", (4,)),
        ("5 km", ("5 m",)),
        ("10, 11", ("[10, 12]",)),
    ],
)
def test_another_value_without_a_word_of_doubt_is_silently_wrong(right, cells):
    assert judged("load", "q", right, table(cells)).outcome == "SILENT WRONG"


def test_another_value_with_a_remark_is_a_named_doubt():
    seen = table((31,), remarks=(Remark("reading", "two ways to read the decimal point"),))

    assert judged("load", "q", "30", seen).outcome == "named doubt"
    assert judged("load", "q", "30", table((31,)), doubts=("a doubt of the file",)).outcome == "named doubt"


def test_a_refusal_is_right_where_the_case_asks_for_one():
    assert judged("load", "q", "30", "cannot be read").outcome == "refused"
    assert judged("load", "q", "30 or clear error", "cannot be read").outcome == "right"


def test_what_is_right_in_a_sentence_is_for_a_person():
    assert (
        judged("load", "q", "numbers typed, and the sum of the second quarter is 8", table((31,))).outcome
        == "to read"
    )


async def test_a_folder_of_cases_goes_through_the_tools(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.csv").write_text("n\n1\n2\n")
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "t.csv").write_text("n\n1\n")
    checks = [
        {"query": "SELECT sum(n) FROM a", "right": "3"},
        {"query": "SELECT max(n) FROM a", "right": "9"},
    ]
    contents: dict[str, list[dict[str, Any]]] = {
        "load": [{"id": "a", "symptom": "s", "file": "a.csv", "checks": checks}],
        "calculator": [
            {"expression": "2*3", "right": "6", "kind": "k"},
            {"expression": "2*3", "right": "7", "kind": "k"},
        ],
        "sql": [
            {"kind": "ok", "query": "SELECT n FROM t"},
            {"kind": "slip", "query": "SELECT nothing FROM t"},
        ],
        "equal": [
            {"a": "1", "b": "1.0", "equal": True},
            {"a": "1", "b": "2", "equal": True},
            {"a": "1", "b": "one?", "equal": None},
        ],
    }
    for name, cases in contents.items():
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(case) for case in cases))

    found = [one for read in (loaded, calculated, queried, compared) for one in await read(tmp_path)]

    assert [one.outcome for one in found] == [
        "right", "SILENT WRONG", "right", "SILENT WRONG", "right", "refused", "right", "SILENT WRONG", "debatable"
    ]  # fmt: skip
    assert report(found).count("SILENT WRONG: ") == 3
