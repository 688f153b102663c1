import pytest

from agent_runtime.planners.flow.reading import Count, mentions, read

ACME, BOREALIS = ("account", "Acme Ltd"), ("account", "Borealis LLC")


def test_names_in_capitals_in_quotes_or_with_digits_are_looked_up():
    found = mentions('Did Oyster & Sons Ltd or "the blue one" pay account 44:A19, and J. Smith?')

    assert {"Oyster & Sons Ltd", "the blue one", "44:A19", "J. Smith"} <= set(found)


def test_numbers_that_count_something_are_no_accounts():
    found = mentions(
        "Which accounts got money from account 812 within at most 4 transfers since step 33?", is_stepped=True
    )

    assert "812" in found
    assert not {"4", "33"} & set(found)


@pytest.mark.parametrize(
    ("question", "payers", "payees"),
    [
        ("How much did Acme Ltd send to Borealis LLC?", ("Acme Ltd",), ("Borealis LLC",)),
        ("What was paid by Acme Ltd?", ("Acme Ltd",), ()),
        ("What was received by Acme Ltd?", (), ("Acme Ltd",)),
        ("What is the total inflow of Acme Ltd?", (), ("Acme Ltd",)),
        ("Who could have received money that left Acme Ltd?", ("Acme Ltd",), ()),
        ("When can money first arrive at Borealis LLC?", (), ("Borealis LLC",)),
        ("What did the company Acme Ltd pay out?", ("Acme Ltd",), ()),
        ("How much has Borealis LLC received from Acme Ltd?", ("Acme Ltd",), ("Borealis LLC",)),
    ],
)
def test_prepositions_and_verbs_tell_who_pays_and_who_is_paid(question, payers, payees):
    reading = read(question, [ACME, BOREALIS])

    assert (reading.payers, reading.payees) == (payers, payees)


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ("between step 3 and step 9", "3", "9"),
        ("within steps 3 to 9", "3", "9"),
        ("starting at step 3", "3", None),
        ("at step 3 or later", "3", None),
        ("up to step 9", None, "9"),
        ("on day 5", "5", "5"),
    ],
)
def test_a_window_of_steps_is_read(words, since, until):
    reading = read(f"What did Acme Ltd pay {words}?", [ACME], is_stepped=True)

    assert (reading.since, reading.until) == (since, until)


@pytest.mark.parametrize(
    ("words", "since", "until"),
    [
        ("from 2024-01-02 to 2024-03-04", "2024-01-02'", "2024-03-04 23:59:59.999'"),
        ("in February 2024", "2024-02-01'", "2024-02-29 23:59:59.999'"),
        ("since 3 March 2024", "2024-03-03'", "None"),
        ("until 2024-03-04", "None", "2024-03-04 23:59:59.999'"),
    ],
)
def test_a_window_of_days_is_read_to_its_last_moment(words, since, until):
    reading = read(f"What did Acme Ltd pay {words}?", [ACME])

    assert str(reading.since).endswith(since)
    assert str(reading.until).endswith(until)


def test_limits_on_hops_and_counterparties_are_read():
    reading = read(
        "Which accounts received from at least three different payers and paid exactly one account, within two hops?"
    )

    assert reading.max_hops == 2
    assert reading.counts == (Count("in", ">=", 3), Count("out", "=", 1))


def test_what_a_company_is_called_says_nothing_about_the_question():
    reading = read("How much did Loop Total Returns Ltd pay?", [("account", "Loop Total Returns Ltd")])

    assert "return" not in reading.concepts
