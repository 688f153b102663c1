from collections.abc import AsyncIterator

import pytest

from agent_runtime_tools.calculator import Calculator


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Of the module's scope, so that a fixture which holds worker processes can be."""
    return "asyncio"


@pytest.fixture(scope="module")
async def calculator(anyio_backend: str) -> AsyncIterator[Calculator]:
    calculator = Calculator(size=1)
    yield calculator
    await calculator.aclose()
