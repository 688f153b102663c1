"""The two sandboxes that are walls, each started once a module and closed after it."""

from collections.abc import Iterator

import anyio
import pytest

from agent_runtime_sandboxes import BubblewrapSandbox, DockerSandbox
from tests.sandboxes.cases import AnySandbox

BOTH = (
    pytest.param(DockerSandbox, id="docker", marks=pytest.mark.docker),
    pytest.param(BubblewrapSandbox, id="bubblewrap", marks=pytest.mark.bubblewrap),
)


@pytest.fixture(scope="module", params=BOTH)
def sandbox(request: pytest.FixtureRequest) -> Iterator[AnySandbox]:
    made: AnySandbox = request.param(n_warm=2)
    yield made
    anyio.run(made.aclose)
