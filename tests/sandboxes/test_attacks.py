"""The attack corpus against Docker and bubblewrap: contained or right as labelled, and nothing left behind."""

import pytest

from tests.corpora import Case
from tests.sandboxes.cases import CASES, AnySandbox, failures, run_case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CASES, reason="the attack corpus is not here"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
async def test_an_attack_ends_as_labelled(sandbox: AnySandbox, case: Case):
    outcome = await run_case(sandbox, case)

    assert failures(case, outcome) == [], outcome
