"""Recorded runs as data sets: the same rows in both files, in the forms that trl reads."""

import json

import duckdb
import pytest

from agent_runtime.errors import InputError
from agent_runtime.trace.export import KINDS, export
from agent_runtime.trace.reader import read
from tests.trace.branches import record


@pytest.fixture
def trace(tmp_path):
    return record(tmp_path / "run.jsonl")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_both_files_hold_the_same_rows(trace, tmp_path, kind):
    folder = tmp_path / "a * [folder]"

    n_rows = export([read(trace)], KINDS[kind], folder)

    rows = [json.loads(line) for line in (folder / f"{kind}.jsonl").read_text().splitlines()]
    (tmp_path / "copy.parquet").write_bytes((folder / f"{kind}.parquet").read_bytes())
    with duckdb.connect() as database:
        table = database.read_parquet(str(tmp_path / "copy.parquet"))
        assert [dict(zip(table.columns, row, strict=True)) for row in table.fetchall()] == rows
    assert len(rows) == n_rows > 0
    assert rows[0]["origin"]["task_id"] == "t1"
    assert rows[0]["origin"]["created"] == "2026-01-01"


@pytest.mark.parametrize(
    ("kind", "columns"), [("sft", ["messages"]), ("preference", ["prompt", "chosen", "rejected"])]
)
def test_conversations_are_turns_of_a_role(trace, tmp_path, kind, columns):
    export([read(trace)], KINDS[kind], tmp_path)

    (row,) = map(json.loads, (tmp_path / f"{kind}.jsonl").read_text().splitlines())
    turns = [turn for column in columns for turn in row[column]]
    assert {turn["role"] for turn in turns} == {"system", "user", "assistant"}
    assert all(isinstance(turn["content"], str) for turn in turns)


def test_a_preference_is_a_step_of_the_answer_against_its_failed_sibling(trace, tmp_path):
    export([read(trace)], "preference", tmp_path)

    (row,) = map(json.loads, (tmp_path / "preference.jsonl").read_text().splitlines())
    assert "1 + 1" in row["chosen"][0]["content"]
    assert "1 / 0" in row["rejected"][0]["content"]
    assert row["origin"]["node_ids"] == [3, 2]


def test_traces_with_nothing_to_export_say_what_is_missing(tmp_path):
    trace = record(tmp_path / "run.jsonl", verdict="unchecked")

    with pytest.raises(InputError, match="verified answer"):
        export([read(trace)], "sft", tmp_path / "out")


def test_a_run_that_lacks_the_verdict_asked_for_is_left_out(tmp_path):
    trace = record(tmp_path / "run.jsonl", verdict="supported")

    assert export([read(trace)], "sft", tmp_path / "out") == 1
    with pytest.raises(InputError, match="verified answer"):
        export([read(trace)], "sft", tmp_path / "out", ("confirmed",))
