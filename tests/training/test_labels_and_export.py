import json
import random

import pytest

from agent_runtime.errors import InputError
from agent_runtime.trace.feedback import add_review, read_reviews, review_path
from agent_runtime.trace.reader import read
from agent_runtime.types import Step
from agent_runtime_training.examples import surviving_path, surviving_sample, traces_of
from agent_runtime_training.export import KINDS, export
from agent_runtime_training.step_labels import label_steps, labelled_samples, leaves, rollout_labels, spoil
from agent_runtime_training.tasks import FAMILIES
from agent_runtime_training.tasks.teacher import evaluate
from tests.training.traces import record


@pytest.fixture
def trace(tmp_path):
    return record(tmp_path / "run.jsonl")


# --- labels


def test_a_steps_rollout_label_is_the_share_of_right_answers_below_it(trace):
    assert rollout_labels(read(trace).graph(), lambda text: text == "2") == {3: 0.5}


def test_a_refuted_step_is_bad_whatever_rollouts_say(trace):
    assert label_steps(read(trace).graph(), [], {2: 1.0, 3: 1.0}) == {2: 0.0, 3: 1.0}


def test_people_have_the_last_word(trace):
    add_review(trace, 2, is_up=True)
    add_review(trace, 3, is_up=True)
    add_review(trace, 3, is_up=False, note="no")

    assert label_steps(read(trace).graph(), read_reviews(trace), {}) == {2: 1.0, 3: 0.0}


def test_a_step_shared_by_branches_is_labelled_once(trace, tokenizer):
    samples = labelled_samples(read(trace), tokenizer, lambda text: text == "2")

    assert sorted(label for sample in samples for label in sample.labels if label is not None) == [0.0, 0.5]
    assert not any(any(sample.is_own) for sample in samples)


def test_every_branch_has_one_leaf(trace):
    assert [node.id for node in leaves(read(trace).graph())] == [2, 4, 5]


def test_a_spoiled_calculation_holds_but_computes_something_else():
    example = next(FAMILIES["arithmetic"].generate(1, 4, "train"))
    spoiled = spoil(example, random.Random(1))
    assert spoiled is not None
    last, original = spoiled.turns[-1], example.turns[len(spoiled.turns) - 1]
    assert isinstance(last.action, Step)
    assert isinstance(original.action, Step)
    assert last.action.check is not None
    assert original.action.check is not None

    assert last.is_mistake
    assert last.observation is not None
    assert last.observation.outcome == "ok"
    assert evaluate(last.action.check.input) != evaluate(original.action.check.input)


# --- surviving paths


def test_only_the_path_that_carried_the_answer_survives(trace):
    path = surviving_path(read(trace))

    assert path is not None
    assert [node.id for node in path] == [1, 3, 4]


def test_an_unverified_answer_is_learned_only_when_a_person_confirms_it(tmp_path):
    trace = record(tmp_path / "run.jsonl", verdict="unchecked")
    assert surviving_path(read(trace)) is None

    add_review(trace, 4, is_up=True)

    assert surviving_path(read(trace)) is not None


def test_an_answer_with_a_thumb_down_is_not_learned(trace, tokenizer):
    add_review(trace, 4, is_up=False)

    assert surviving_sample(read(trace), tokenizer) is None


def test_a_folder_of_traces_leaves_reviews_out(trace):
    add_review(trace, 3, is_up=True)

    assert [found.path for found in traces_of([trace.parent])] == [trace]


def test_a_review_that_cannot_be_read_is_named(trace):
    review_path(trace).write_text("nonsense\n")

    with pytest.raises(InputError, match="line 1"):
        read_reviews(trace)


# --- export


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_exported_is_read_by_datasets_in_both_forms(trace, tmp_path, kind):
    from datasets import Dataset

    n_rows = export([read(trace)], KINDS[kind], tmp_path / "out")

    lines = [json.loads(line) for line in (tmp_path / "out" / f"{kind}.jsonl").read_text().splitlines()]
    parquet = Dataset.from_parquet(
        str(tmp_path / "out" / f"{kind}.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert len(lines) == len(parquet) == n_rows > 0
    assert lines[0].keys() == parquet[0].keys()
    assert lines[0]["origin"]["task_id"] == "t1"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sft", "preference"])
def test_trl_takes_the_rows_for_conversations(trace, tmp_path, kind):
    from trl.data_utils import is_conversational

    export([read(trace)], KINDS[kind], tmp_path)

    row = json.loads((tmp_path / f"{kind}.jsonl").read_text().splitlines()[0])
    assert is_conversational({key: value for key, value in row.items() if key != "origin"})


def test_a_preference_is_a_step_of_the_answer_against_its_failed_sibling(trace, tmp_path):
    pytest.importorskip("datasets")
    export([read(trace)], "preference", tmp_path)

    (row,) = map(json.loads, (tmp_path / "preference.jsonl").read_text().splitlines())
    assert "1 + 1" in row["chosen"][0]["content"]
    assert "1 / 0" in row["rejected"][0]["content"]
    assert row["origin"]["node_ids"] == [3, 2]


def test_traces_with_nothing_to_export_say_what_is_missing(tmp_path):
    trace = record(tmp_path / "run.jsonl", verdict="unchecked")

    with pytest.raises(InputError, match="verified answer"):
        export([read(trace)], "sft", tmp_path / "out")


# --- agent-runtime review


def test_review_writes_thumbs_beside_the_trace(trace):
    from agent_runtime.cli.review import review

    review(trace, up=[3], down=[2], note="why")

    assert [(one.node_id, one.is_up, one.note) for one in read_reviews(trace)] == [
        (2, False, "why"),
        (3, True, "why"),
    ]


def test_review_of_a_node_that_is_not_there_is_an_error(trace):
    from agent_runtime.cli.review import review

    with pytest.raises(InputError, match="no node 99"):
        review(trace, up=[99], down=None, note="")


def test_review_leaves_the_trace_as_it_is(trace):
    from agent_runtime.cli.review import review

    before = trace.read_bytes()
    review(trace, up=[3], down=None, note="")

    assert trace.read_bytes() == before
