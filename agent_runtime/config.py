"""What a user may set, once, with unit and default: flags over environment over `agent-runtime.toml`.

Environment variables are read here and nowhere else. Secrets are `SecretStr`, so that a configuration that is
shown or recorded never holds one.
"""

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from agent_runtime.errors import ConfigError
from agent_runtime.limits.budget import Budget, Prices
from agent_runtime.limits.presets import Think

FILE_NAME = "agent-runtime.toml"

SandboxKind = Literal["auto", "docker", "bubblewrap", "process"]


class RunConfig(BaseSettings):
    """Settings of a runtime. None means no limit, or unknown."""

    model_config = SettingsConfigDict(
        env_prefix="AGENT_RUNTIME_", extra="forbid", frozen=True, validate_default=True
    )

    model: str = "embedded"  # embedded, hf:NAME-or-folder, openai:URL#MODEL, none
    think: Think = "auto"
    strategy: str | None = None  # None: what `think` stands for
    planner: str = "auto"  # rules that propose actions beside the model: auto (all), none, or one by name
    seed: int = Field(default=0, ge=0)
    max_tokens: int | None = Field(default=None, gt=0)
    max_seconds: float | None = Field(default=None, gt=0)
    max_dollars: float | None = Field(default=None, gt=0)
    max_joules: float | None = Field(default=None, gt=0)
    max_tool_calls: int | None = Field(default=None, ge=0)
    max_branches: int | None = Field(default=None, gt=0)
    min_confidence: float = Field(default=0.5, ge=0, le=1)  # an answer is given from here on
    require: Literal["supported", "confirmed"] = "supported"  # the least verdict of an answer that is given
    check_seconds: float = Field(default=10.0, gt=0, le=600)  # time limit of one check
    has_tools: bool = True  # without, the model answers alone: the column to compare with
    sandbox: SandboxKind = "auto"
    sandbox_image: str | None = None
    read: tuple[str, ...] = ()  # FILE.COLUMN=READING: how a table is read where it could be read in two ways
    trace: Path | None = None  # None: a file of its own under `runs_folder()`
    dollars_per_hour: float | None = Field(default=None, ge=0)
    dollars_per_million_prompt_tokens: float | None = Field(default=None, ge=0)
    dollars_per_million_output_tokens: float | None = Field(default=None, ge=0)
    api_key: SecretStr | None = None  # for openai: models

    @classmethod
    def load(cls, overrides: dict[str, Any] | None = None) -> "RunConfig":
        """Settings from everywhere; an override that is None counts as not given.

        Raises:
            ConfigError: A setting has a wrong name or value; the message names it.
        """
        try:
            return cls(**{key: value for key, value in (overrides or {}).items() if value is not None})
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise ConfigError(f"setting {name!r}: {first['msg']} (got {first.get('input')!r})") from None
        except ValueError as error:
            raise ConfigError(f"{FILE_NAME} cannot be read: {error}") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then environment, then the project's file, then the user's."""
        files = (Path(FILE_NAME), config_folder() / FILE_NAME)
        return (
            init_settings,
            env_settings,
            *(TomlConfigSettingsSource(settings_cls, file) for file in files if file.is_file()),
        )

    @property
    def budget(self) -> Budget:
        """The explicit limits as a budget."""
        return Budget(
            self.max_tokens,
            self.max_seconds,
            self.max_dollars,
            self.max_joules,
            self.max_tool_calls,
            self.max_branches,
        )

    @property
    def prices(self) -> Prices:
        """What the operator pays."""
        return Prices(
            self.dollars_per_hour,
            self.dollars_per_million_prompt_tokens,
            self.dollars_per_million_output_tokens,
        )

    def secrets(self) -> list[str]:
        """Values that must never be written anywhere."""
        return [self.api_key.get_secret_value()] if self.api_key else []


def _xdg(variable: str, default: str) -> Path:
    value = os.environ.get(variable)
    base = Path(value) if value and Path(value).is_absolute() else Path.home() / default
    return base / "agent-runtime"


def cache_folder() -> Path:
    """Where weights are kept; `agent-runtime clean` frees it."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def runs_folder() -> Path:
    """Where traces go unless `--trace` says otherwise."""
    return _xdg("XDG_STATE_HOME", ".local/state") / "runs"


def config_folder() -> Path:
    """Where the user's own `agent-runtime.toml` lies."""
    return _xdg("XDG_CONFIG_HOME", ".config")
