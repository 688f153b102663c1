"""Confidence: a probability that rises with agreement and with the model's certainty."""

from dataclasses import replace

import pytest

from agent_runtime.scoring.calibration import calibrated
from agent_runtime.scoring.ranking import certainty, rank
from tests.scoring.test_ranking import branch


def test_without_log_probabilities_the_agreement_is_all_there_is():
    assert calibrated(0.7, None) == 0.7


@pytest.mark.parametrize("sure", [-2.0, -0.3, -0.01])
def test_more_agreement_is_more_confidence(sure: float):
    stated = [calibrated(agreement, sure) for agreement in (0.0, 0.1, 0.5, 0.9, 1.0)]

    assert stated == sorted(set(stated))
    assert all(0 < value < 1 for value in stated)


def test_words_that_the_model_was_surer_of_are_more_confidence():
    assert calibrated(0.9, -0.02) > calibrated(0.9, -0.5)


def test_the_certainty_of_a_branch_is_over_the_tokens_that_were_chosen():
    first, last = branch("12", ("SELECT 1", "v\n12"))
    path = (replace(first, logprobs=(-0.2, 0.0, -0.4)), replace(last, logprobs=(0.0, -0.6)))

    assert certainty(path) == pytest.approx(-0.4)
    assert certainty((first, last)) is None


def test_an_unsure_chain_is_shown_with_less_confidence_than_a_sure_one_of_the_same_evidence():
    first, last = branch("12", ("SELECT 1", "v\n12"))

    def stated(logprob: float) -> float:
        (candidate,) = rank([(replace(first, logprobs=(logprob,)), last)])
        return candidate.confidence

    assert stated(-0.01) > stated(-1.0)
