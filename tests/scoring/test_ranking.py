from dataclasses import replace

import pytest

from agent_runtime.scoring.ranking import answer_parts, rank, support, weight
from agent_runtime.types import Check, FinalAnswer, Node, Observation, Step, Verdict


def branch(
    answer: str, *steps: tuple[str, str], first_id: int = 1, verdict: str = "confirmed"
) -> tuple[Node, ...]:
    nodes = [
        Node(
            first_id + index,
            0,
            index + 1,
            Step("", Check("sql", asked)),
            Observation("sql", seen, seen, "ok" if verdict == "confirmed" else "error"),
            Verdict(verdict),  # type: ignore[arg-type]
        )
        for index, (asked, seen) in enumerate(steps)
    ]
    return (*nodes, Node(first_id + len(steps), 0, len(steps) + 1, FinalAnswer(answer), state="answered"))


HOPS = (
    ("... WHERE src = 'Acme'", "dst | total\nBorealis | 12"),
    ("... WHERE src = 'Borealis'", "dst | total\nCorvid | 11"),
)


def test_a_number_is_supported_by_the_observation_that_shows_it():
    (evidence,) = support(branch("$1,200", ("SELECT SUM(x)", "total\n1200")))

    assert evidence.result == "total\n1200"


@pytest.mark.parametrize(
    ("expression", "is_held"),
    [("(5 * 6) - (10 - 4)", True), ("8 / (3 - 8 / 3)", True), ("5 * 6", False), ("27-3", False)],
    ids=["its value was seen", "a fraction within", "another value", "what may be a score"],
)
def test_an_expression_is_supported_by_the_observation_that_shows_its_value(expression: str, is_held: bool):
    assert bool(support(branch(expression, ("30 - 6", "v\n24")))) is is_held


def test_a_chain_is_supported_when_every_station_was_seen():
    assert support(branch("Acme -> Borealis -> Corvid", *HOPS))
    assert not support(branch("Acme -> Borealis -> Dune", *HOPS))


def test_an_answer_that_no_observation_shows_is_never_confirmed_whatever_its_votes():
    branches = [branch("42", ("SELECT 1", "v\n1"), first_id=10 * index) for index in range(8)]

    (best,) = rank(branches)

    assert best.verdict == "unchecked"
    assert best.n_votes == 8


def test_equal_answers_in_other_clothes_vote_together():
    branches = [
        branch("1,200", ("q", "v\n1200"), first_id=1),
        branch("1200.00", ("q", "v\n1200"), first_id=10),
        branch("7", ("q", "v\n7"), first_id=20),
    ]

    best, other = rank(branches)

    assert (best.n_votes, other.n_votes) == (2, 1)
    assert best.confidence > other.confidence


def test_a_supported_answer_outweighs_an_unsupported_one():
    best, _ = rank([branch("9", ("q", "v\n1"), first_id=1), branch("3", ("q", "v\n3"), first_id=9)])

    assert best.text == "3"


def test_failed_branches_lower_the_confidence():
    one = [branch("3", ("q", "v\n3"))]

    assert rank(one, n_failed=3)[0].confidence < rank(one)[0].confidence


def test_the_prefix_yes_is_no_station():
    assert answer_parts("yes: A -> B") == ["A", "B"]


@pytest.mark.parametrize(
    ("said", "asked", "seen"),
    [
        ("Ghost Ltd", "SELECT * FROM t WHERE dst = 'Ghost Ltd'", "dst | total\n(0 rows)"),
        ("Ghost Ltd", "SELECT count(*) AS n FROM t WHERE dst = 'Ghost Ltd'", "n\n0"),
        ("Ghost Ltd", "SELECT sum(x) AS s FROM t WHERE dst = 'Ghost Ltd'", "s\nNULL"),
        ("Ghost Ltd", "SELECT dst FROM t WHERE dst <> 'Ghost Ltd'", "dst\nNova"),
        ("Ghost Ltd", "SELECT dst FROM t WHERE dst NOT IN ('Acme', 'Ghost Ltd')", "dst\nNova"),
        ("no", "SELECT dst FROM t WHERE src = 'Nova'", "dst\nAcme"),
        ("2024-01-05", "SELECT dst FROM t WHERE day = '2024-01-05'", "dst\nAcme"),
        ("2024-01-05T00:00", "SELECT dst FROM t WHERE day >= '2024-01-05T00:00'", "dst\nAcme"),
        ("total", "SELECT dst, total FROM t", "dst | total\nAcme | 3"),
        ("0 rows", "SELECT dst FROM t", "dst\n(0 rows)"),
    ],
)
def test_what_a_query_merely_asks_or_names_supports_no_answer(said, asked, seen):
    assert support(branch(said, (asked, seen))) == ()


@pytest.mark.parametrize("said", ["O'Hara Ltd", "acme"])
def test_a_name_that_a_query_with_rows_looked_for_is_supported_however_it_is_written(said):
    asked = "SELECT n FROM flow_chain('Acme', 'O''Hara Ltd')"

    assert support(branch(said, (asked, "n\n2")))


def scored(branch: tuple[Node, ...], *scores: float) -> tuple[Node, ...]:
    judged = [replace(node.verdict, score=score) for node, score in zip(branch, scores, strict=True)]
    return tuple(replace(node, verdict=verdict) for node, verdict in zip(branch, judged, strict=True))


def test_process_rewards_decide_between_branches_that_checks_hold_up_alike():
    first = branch("3", ("q", "v\n3"), first_id=1)
    second = branch("4", ("r", "v\n4"), first_id=10)

    assert rank([first, second])[0].text == "3"
    assert rank([scored(first, 0.3, 0.2), scored(second, 0.9, 0.8)])[0].text == "4"


def test_one_branch_that_a_judge_trusts_outvotes_two_that_it_does_not():
    weak = [scored(branch("3", ("q", "v\n3"), first_id=10 * n), 0.3, 0.2) for n in range(2)]
    strong = scored(branch("4", ("r", "v\n4"), first_id=90), 0.9, 0.9)

    assert rank([*weak, strong])[0].text == "4"


def test_a_longer_branch_of_equally_good_steps_weighs_the_same_and_none_weighs_nothing():
    short = branch("3", ("q", "v\n3"))
    long = branch("3", *[("q", "v\n3")] * 5)

    assert weight(scored(short, *[0.6] * 2)) == pytest.approx(weight(scored(long, *[0.6] * 6)))
    assert weight(scored(short, 0.0, 0.0)) > 0
