"""Thumbs on the steps of a run, and the data sets made of them."""

import pytest

from agent_runtime.cli import main
from agent_runtime.cli.review import review
from agent_runtime.errors import InputError
from agent_runtime.trace.feedback import read_reviews
from tests.trace.branches import record


@pytest.fixture
def trace(tmp_path):
    return record(tmp_path / "run.jsonl")


def test_review_writes_thumbs_beside_the_trace(trace):
    review(trace, up=[3], down=[2], note="why")

    assert [(one.node_id, one.is_up, one.note) for one in read_reviews(trace)] == [
        (2, False, "why"),
        (3, True, "why"),
    ]


def test_review_of_a_node_that_is_not_there_is_an_error(trace):
    with pytest.raises(InputError, match="no node 99"):
        review(trace, up=[99], down=None, note="")


def test_review_leaves_the_trace_as_it_is(trace):
    before = trace.read_bytes()
    review(trace, up=[3], down=None, note="")

    assert trace.read_bytes() == before


def test_export_says_what_it_wrote(trace, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(trace), "--out", str(tmp_path / "data")])

    assert ended.value.code == 0
    assert f"1 rows in {tmp_path / 'data' / 'sft'}.jsonl and .parquet" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "value", "known"), [("--kind", "dpo", "preference"), ("--require", "sure", "confirmed")]
)
def test_export_names_what_it_knows(trace, tmp_path, capsys, option, value, known):
    with pytest.raises(SystemExit) as ended:
        main(["export", str(trace), "--out", str(tmp_path), option, value])

    assert ended.value.code == 2
    assert known in capsys.readouterr().err
