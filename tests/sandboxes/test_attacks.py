"""The attack corpus against Docker and bubblewrap: contained or right as labelled, and nothing left behind."""

import pytest

from tests.sandboxes.cases import CORPUS, AnySandbox, Case, cases, failures, run_case

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not any(CORPUS.glob("sandbox*.jsonl")), reason="the attack corpus is not here"),
]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
async def test_an_attack_ends_as_labelled(sandbox: AnySandbox, case: Case):
    outcome = await run_case(sandbox, case)

    assert failures(case, outcome) == [], outcome
