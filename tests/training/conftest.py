import pytest

from agent_runtime_training.recipe import Lora
from agent_runtime_training.tasks import generate

pytest.importorskip("peft", reason="the train extra is not installed")


@pytest.fixture(scope="session")
def tokenizer():
    from agent_runtime.models.tokenizer import LocalTokenizer
    from agent_runtime_training.weights import tiny_tokenizer

    return LocalTokenizer(tiny_tokenizer())


@pytest.fixture
def tiny():
    from agent_runtime_training.weights import load

    return load("tiny", "cpu", 0)


@pytest.fixture
def adapted(tiny):
    from agent_runtime_training.weights import add_adapter

    add_adapter(tiny, Lora(rank=4, alpha=8), 0)
    return tiny


@pytest.fixture(scope="session")
def examples():
    return [example for family in ("quick", "arithmetic", "tables") for example in generate(family, 6, 1)]
