from agent_runtime_training.comparison import comparison, draw_curve
from agent_runtime_training.evaluate import FamilyResult, Share
from agent_runtime_training.grpo import Iteration


def result(n_right: int, tokens: float) -> FamilyResult:
    share = Share(n_right, 100)
    return FamilyResult("flows", share, share, share, 8, greedy_tokens=tokens / 8, voted_tokens=tokens)


def test_every_stage_of_a_family_has_a_row_with_what_it_cost():
    table = comparison({"sft": [result(50, 800)], "judge": [result(48, 810)], "grpo": [result(80, 400)]})

    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:5]]
    assert [row[:2] for row in rows] == [["flows", "sft"], ["flows", "judge"], ["flows", "grpo"]]
    assert [row[-1] for row in rows] == ["800", "810", "400"]


def test_what_reinforcement_changed_is_said_with_its_doubt():
    sure = comparison({"sft": [result(50, 800)], "grpo": [result(80, 400)]})
    unsure = comparison({"sft": [result(50, 800)], "grpo": [result(52, 800)]})

    assert "flows: greedy +30.0 points, by vote +30.0 points, tokens 0.50 times as many" in sure
    assert "by vote +2.0 points (intervals overlap)" in unsure


def test_without_reinforcement_nothing_is_compared():
    assert "From sft" not in comparison({"sft": [result(50, 800)]})


def test_the_curve_is_a_picture_with_both_lines(tmp_path):
    curve = [Iteration(number, 0.3 * number, 0.1 * number, 4, 0.0, 0.0) for number in (1, 2, 3)]

    assert draw_curve(curve, tmp_path / "rewards.svg")

    text = (tmp_path / "rewards.svg").read_text()
    assert text.lstrip().startswith("<?xml")
    assert text.count("<!-- reward -->") == text.count("<!-- share right -->") == 1
