"""Results as text: what the evidence keeps, what a model reads, and the form with two decimals."""

import pytest

from agent_runtime.dialogue import results
from agent_runtime.types import Observation, Remark, ResultTable, Value

AMOUNTS = ResultTable(
    (("payer", "VARCHAR"), ("eur", "DOUBLE"), ("rate", "DECIMAL(5,4)")),
    (("North | South", 0.05 / 12, "0.0841"), (None, 1e-9, None), ("", 8000.0, "12.5000")),
    3,
)


def test_a_model_reads_twelve_digits_and_cannot_take_one_cell_for_two():
    assert results.render(AMOUNTS).splitlines() == [
        "payer | eur | rate",
        '"North | South" | 0.00416666666667 | 0.0841',
        "NULL | 1e-9 | NULL",
        '"" | 8000 | 12.5',
    ]


def test_the_evidence_rounds_nothing():
    assert results.exact(AMOUNTS).splitlines()[1:] == [
        '"North | South" | 0.004166666666666667 | 0.0841',
        "NULL | 1e-09 | NULL",
        '"" | 8000.0 | 12.5000',
    ]


def test_the_form_with_two_decimals_has_no_quotes():
    observation = Observation("sql", "", "", table=AMOUNTS)

    assert results.two_decimals(observation).splitlines() == [
        "payer | eur | rate",
        "North | South | 0 | 0.08",
        "NULL | 0 | NULL",
        " | 8000 | 12.5",
    ]


@pytest.mark.parametrize(
    ("value", "brief", "said"),
    [
        (Value("RATIONAL", "1/3"), "0.333333333333", "0.33"),
        (Value("fraction", "5/8"), "0.625", "0.62"),
        (Value("decimal", "3.14159265358979323846"), "3.14159265359", "3.14"),
        (Value("integer", 351), "351", "351"),
        (Value("list", None), "1.41421356237, 7", "1.41, 7"),
        (Value("boolean", True), "true (0.3333 = 0.3333)", "true (0.3333 = 0.3333)"),
        (None, "error: no column", "error: no column"),
    ],
)
def test_a_value_has_two_decimals_where_it_was_shown_so(value: Value | None, brief: str, said: str):
    assert results.two_decimals(Observation("calc", brief, brief, value=value)) == said


def test_remarks_stand_below_the_rows():
    remarks = (
        Remark("literal", "no 'X' in c; near: 'x' (3 rows)", is_refuting=True),
        Remark("empty", "nothing"),
    )

    written = results.texts(ResultTable((("n", "BIGINT"),), ((0,),), 1), remarks)

    assert written.text == "n\n0\nwarning: no 'X' in c; near: 'x' (3 rows)\nnote: nothing"
    assert written.brief == written.text
