import pytest

from agent_runtime.errors import InputError
from agent_runtime.scoring.calibration import (
    Calibration,
    calibration_file,
    read_calibration,
    write_calibration,
)

FITTED = Calibration("m", (-0.5, 1.0, 1.5, 2.0), n_items=40, brier=0.1)


def test_a_map_rises_with_the_share_and_with_a_confirmation():
    low = FITTED.probability(0.3, is_confirmed=False, mean_logprob=-0.1)
    high = FITTED.probability(0.8, is_confirmed=False, mean_logprob=-0.1)

    assert low < high < FITTED.probability(0.8, is_confirmed=True, mean_logprob=-0.1)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_share_makes_an_answer_certain(share: float):
    assert 0.0 < FITTED.probability(share, is_confirmed=True, mean_logprob=None) < 1.0


def test_a_map_is_kept_by_the_weights_that_it_was_fitted_to(tmp_path):
    path = calibration_file(tmp_path, "m", "ab" * 32)

    write_calibration(path, FITTED)

    assert read_calibration(path, "m") == FITTED
    assert read_calibration(calibration_file(tmp_path, "m", "cd" * 32), "m") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"model": "other", "coefficients": [0, 1, 2, 3]}', '{"model": "m", "coefficients": [0, 1]}'],
)
def test_a_file_that_is_no_map_of_this_model_is_refused(tmp_path, text: str):
    path = tmp_path / "map.json"
    path.write_text(text)

    with pytest.raises(InputError, match="agent-runtime calibrate"):
        read_calibration(path, "m")
