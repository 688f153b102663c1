"""Commands that need a checkout say so where there is none, whatever is asked of them."""

from pathlib import Path

import pytest
import typer

from agent_runtime.cli import checkout
from agent_runtime.errors import ConfigError


@pytest.mark.parametrize("arguments", [["train"], ["train", "smoke", "--out", "DIR"]])
def test_a_command_that_is_not_installed_says_what_it_needs(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(checkout.PLACES, "train", "a_folder_that_is_not_there.command")
    app = typer.Typer()
    app.callback()(lambda: None)

    checkout.add_from_checkout(app, "train")

    with pytest.raises(ConfigError, match="`train` needs a checkout"):
        app(arguments, standalone_mode=False)


def test_a_defect_in_the_command_is_not_taken_for_a_missing_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "broken_command.py").write_text("import a_library_that_is_not_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(checkout.PLACES, "train", "broken_command")

    with pytest.raises(ModuleNotFoundError, match="a_library"):
        checkout.add_from_checkout(typer.Typer(), "train")
