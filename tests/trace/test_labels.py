"""Labels of a recorded run's steps, and which runs may be learned."""

import pytest

from agent_runtime.errors import InputError
from agent_runtime.trace.feedback import add_review, read_reviews, review_path
from agent_runtime.trace.labels import label_steps, leaves, rollout_labels
from agent_runtime.trace.reader import read
from agent_runtime.trace.surviving import surviving_path, traces_of
from tests.trace.branches import record


@pytest.fixture
def trace(tmp_path):
    return record(tmp_path / "run.jsonl")


def test_a_steps_rollout_label_is_the_share_of_right_answers_below_it(trace):
    assert rollout_labels(read(trace).graph(), lambda text: text == "2") == {3: 0.5}


def test_a_refuted_step_is_bad_whatever_rollouts_say(trace):
    assert label_steps(read(trace).graph(), [], {2: 1.0, 3: 1.0}) == {2: 0.0, 3: 1.0}


def test_people_have_the_last_word(trace):
    add_review(trace, 2, is_up=True)
    add_review(trace, 3, is_up=True)
    add_review(trace, 3, is_up=False, note="no")

    assert label_steps(read(trace).graph(), read_reviews(trace), {}) == {2: 1.0, 3: 0.0}


def test_every_branch_has_one_leaf(trace):
    assert [node.id for node in leaves(read(trace).graph())] == [2, 4, 5]


def test_only_the_path_that_carried_the_answer_survives(trace):
    path = surviving_path(read(trace))

    assert path is not None
    assert [node.id for node in path] == [1, 3, 4]


def test_an_unverified_answer_is_learned_only_when_a_person_confirms_it(tmp_path):
    trace = record(tmp_path / "run.jsonl", verdict="unchecked")
    assert surviving_path(read(trace)) is None

    add_review(trace, 4, is_up=True)

    assert surviving_path(read(trace)) is not None


def test_a_folder_of_traces_leaves_reviews_out(trace):
    add_review(trace, 3, is_up=True)

    assert [found.path for found in traces_of([trace.parent])] == [trace]


def test_a_review_that_cannot_be_read_is_named(trace):
    review_path(trace).write_text("nonsense\n")

    with pytest.raises(InputError, match="line 1"):
        read_reviews(trace)


def test_where_two_derivations_are_asked_for_one_is_not_enough(tmp_path):
    trace = record(tmp_path / "run.jsonl", verdict="supported")

    assert surviving_path(read(trace)) is not None
    assert surviving_path(read(trace), ("confirmed",)) is None
