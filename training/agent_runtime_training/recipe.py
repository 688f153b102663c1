"""The recipe of a training run: one TOML file, checked before any work starts.

`recipes/embedded.toml` makes an adapter from the base, `recipes/continue.toml` teaches the shipped one more on a CPU,
`recipes/smoke.toml` runs every stage small on a CPU.
"""

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from agent_runtime.errors import ConfigError

RECIPES = Path(__file__).parent / "recipes"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Part):
    """What is learned from. `examples` counts generated ones by family; traces are folders or files of runs."""

    examples: dict[str, int] = {}
    gsm8k: Path | None = None
    gsm8k_sha256: str = ""
    gsm8k_passes: int = Field(default=1, ge=1)
    traces: tuple[Path, ...] = ()
    workers: int = Field(default=1, ge=1)


class Optimiser(_Part):
    """How weights are moved; learning rate by cosine after `warmup` of all steps."""

    learning_rate: float = Field(default=1e-3, gt=0)
    epochs: float = Field(default=1.0, gt=0)
    max_steps: int | None = Field(default=None, gt=0)
    row_tokens: int = Field(default=2048, gt=0)
    batch_rows: int = Field(default=16, gt=0)
    warmup: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)


class Lora(_Part):
    """Low-rank adapter over every linear layer (Hu et al. 2021, arXiv:2106.09685); rank 0 trains all weights."""

    rank: int = Field(default=32, ge=0)
    alpha: int = Field(default=64, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)


class Rollouts(_Part):
    """Trees of rollouts that label steps: `tasks` of each family, up to `branches` chains a tree."""

    families: tuple[str, ...] = ()
    tasks: int = Field(default=8, gt=0)
    branches: int = Field(default=8, gt=1)
    temperature: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=800, gt=0)  # of a chain

    @field_validator("families")
    @classmethod
    def _have_answers(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if "debugging" in families:
            raise ValueError("a repair has no answer that an oracle could compare; name other families")
        return families


class Judge(_Part):
    """The process reward: share of the loss that stays on the actions, so that the policy is kept."""

    optimiser: Optimiser = Optimiser(learning_rate=3e-4)
    examples: dict[str, int] = {}
    rollouts: Rollouts = Rollouts()
    policy_weight: float = Field(default=0.5, ge=0)


class Reinforcement(_Part):
    """GRPO: `iterations` of `tasks` tasks with `group` rollouts each."""

    families: tuple[str, ...] = ("flows", "tables")
    iterations: int = Field(default=20, ge=0)
    tasks: int = Field(default=32, gt=0)
    group: int = Field(default=8, gt=1)
    temperature: float = Field(default=1.0, gt=0)
    max_tokens: int = Field(default=1500, gt=0)
    clip: float = Field(default=0.2, gt=0)
    kl: float = Field(default=0.0, ge=0)
    optimiser: Optimiser = Optimiser(learning_rate=1e-5)


class Recipe(_Part):
    """A whole run."""

    seed: int = Field(default=0, ge=0)
    base: str = (
        "embedded"  # embedded (the GGUF base), shipped (with its adapter), tiny (random weights), or a folder
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    data: Data = Data()
    lora: Lora = Lora()
    sft: Optimiser = Optimiser()
    blend: float = Field(default=1.0, gt=0, le=1)  # how far to go from the shipped adapter to the trained one
    judge: Judge = Judge()
    grpo: Reinforcement = Reinforcement()
    heldout: dict[str, int] = {}  # items a family that the stages are measured on
    votes: int = Field(default=8, gt=0)  # chains that vote on each of them


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        ConfigError: It cannot be read, or a setting has a wrong name or value.
    """
    try:
        return Recipe.model_validate(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigError(f"cannot read the recipe {str(path)!r}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{str(path)!r} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"recipe setting {name!r}: {first['msg']} (got {first.get('input')!r})") from None
