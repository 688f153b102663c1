"""Mutants of a query: each is wrong on the tables at hand, and the same seed draws the same."""

from collections import Counter

import duckdb
import pytest

from evals.mutations import Mutant, Schema, candidates, mutants, rows

QUERY = (
    "SELECT s.name, SUM(v.amount) AS total FROM visits AS v JOIN sites AS s ON v.site = s.id "
    "WHERE s.borough = 'Manhattan' AND v.amount > 10 GROUP BY s.name ORDER BY total DESC LIMIT 2"
)


@pytest.fixture
def tables():
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE sites (id INTEGER, owner INTEGER, name VARCHAR, borough VARCHAR)")
        connection.execute(
            "INSERT INTO sites VALUES (1, 2, 'Ash', 'Manhattan'), (2, 3, 'Birch', 'Manhattan'), "
            "(3, 1, 'Cedar', 'Queens'), (4, 4, 'Oak', 'Manhattan'), (5, 5, 'Elm', 'Bronx')"
        )
        connection.execute("CREATE TABLE visits (site INTEGER, staff INTEGER, amount DOUBLE, fee DOUBLE)")
        connection.execute(
            "INSERT INTO visits VALUES (1, 2, 10, 1), (1, 2, 30, 2), (1, 1, 20, 9), (2, 2, 40, 2), (3, 1, 50, 3), "
            "(4, 3, 60, 4), (4, 3, 11, 5), (9, 9, 70, 6)"
        )
        yield connection


COUNT = "SELECT COUNT(*) FROM sites WHERE borough = 'Manhattan' AND id > 1"


@pytest.mark.parametrize(
    ("mutation", "query", "mutant"),
    [
        ("literal", COUNT, COUNT.replace("Manhattan", "MANHATTAN")),
        ("literal", COUNT, COUNT.replace("Manhattan", "Queens")),
        ("number", COUNT, COUNT.replace("> 1", "> 2")),
        ("aggregate", "SELECT SUM(fee) FROM visits", "SELECT AVG(fee) FROM visits"),
        ("aggregate", "SELECT COUNT(DISTINCT site) FROM visits", "SELECT COUNT(site) FROM visits"),
        ("filter", COUNT, "SELECT COUNT(*) FROM sites WHERE id > 1"),
        ("filter", COUNT, "SELECT COUNT(*) FROM sites"),
        ("filter", COUNT, f"{COUNT} AND sites.name = 'Ash'"),
        ("operator", COUNT, COUNT.replace("> 1", ">= 1")),
        ("operator", COUNT, COUNT.replace("AND", "OR")),
        ("column", COUNT, COUNT.replace("borough", "name")),
        ("column", "SELECT SUM(fee) FROM visits", "SELECT SUM(amount) FROM visits"),
        (
            "order",
            "SELECT id FROM sites ORDER BY id LIMIT 2",
            "SELECT id FROM sites ORDER BY id DESC LIMIT 2",
        ),
        ("order", "SELECT id FROM sites ORDER BY id LIMIT 2", "SELECT id FROM sites ORDER BY id LIMIT 3"),
        (
            "join",
            "SELECT * FROM visits JOIN sites ON site = id",
            "SELECT * FROM visits LEFT JOIN sites ON site = id",
        ),
        (
            "join",
            "SELECT * FROM visits JOIN sites ON site = id",
            "SELECT * FROM visits JOIN sites ON staff = id",
        ),
    ],
)
def test_each_operator_makes_what_its_name_says(tables, mutation, query, mutant):
    assert Mutant(mutant, mutation) in list(candidates(query, Schema.read(tables)))


def test_a_limit_is_no_number_to_change(tables):
    query = "SELECT id FROM sites ORDER BY id LIMIT 2"

    assert all(mutant.mutation != "number" for mutant in candidates(query, Schema.read(tables)))


def test_every_kind_is_drawn_from_a_query_that_has_them_all(tables):
    found = Counter(mutant.mutation for mutant in mutants(tables, QUERY))

    assert set(found) == {"literal", "number", "aggregate", "filter", "operator", "column", "order", "join"}


def test_the_rows_of_every_mutant_differ_from_the_right_ones(tables):
    right = rows(tables, QUERY)

    for mutant in mutants(tables, QUERY):
        brought = rows(tables, mutant.query)
        assert brought != right
        assert mutant.mutation == "order" or sorted(map(repr, brought)) != sorted(map(repr, right))


def test_a_change_that_brings_the_same_rows_is_no_mutant(tables):
    kept = {mutant.query for mutant in mutants(tables, "SELECT MAX(id) FROM sites WHERE id > 4")}

    assert "SELECT MIN(id) FROM sites WHERE id > 4" not in kept  # one row: its least is its greatest
    assert "SELECT MAX(id) FROM sites WHERE id < 4" in kept


def test_the_seed_decides_what_is_drawn(tables):
    first = mutants(tables, QUERY, seed=1, n=8)

    assert first == mutants(tables, QUERY, seed=1, n=8)
    assert any(first != mutants(tables, QUERY, seed=other, n=8) for other in range(2, 6))


def test_few_mutants_are_of_different_kinds(tables):
    drawn = mutants(tables, QUERY, n=6)

    assert len({mutant.mutation for mutant in drawn}) == 6


def test_a_query_that_does_not_run_is_said_to_be_wrong(tables):
    with pytest.raises(duckdb.Error):
        mutants(tables, "SELECT nothing FROM nowhere")
