"""`agent-runtime clean`: show what the cache and the traces hold on disk, and free it."""

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent_runtime.errors import ConfigError


def clean(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_cache: Annotated[bool, typer.Option("--keep-cache", help="Free the traces only.")] = False,
    keep_traces: Annotated[bool, typer.Option("--keep-traces", help="Free the cache only.")] = False,
) -> None:
    """Show what the model cache and the traces take on disk, and free it."""
    from agent_runtime.config import cache_folder, runs_folder  # noqa: PLC0415  (--help needs none of it)

    wanted = {"cache": (cache_folder(), keep_cache), "traces": (runs_folder(), keep_traces)}
    folders = [(name, path) for name, (path, is_kept) in wanted.items() if not is_kept and path.is_dir()]
    for name, path in folders:
        n_files, n_bytes = contents(path)
        typer.echo(f"{name:7} {n_bytes / 1e6:10,.1f} MB in {n_files:,} files   {path}")
    if not folders:
        typer.echo("there is nothing to free")
        return
    if not yes and not sys.stdin.isatty():
        raise ConfigError("nobody is there to ask; `agent-runtime clean --yes` frees without asking")
    if yes or typer.confirm("Delete all of it?"):
        for _, path in folders:
            shutil.rmtree(path)
        typer.echo("freed")


def contents(folder: Path) -> tuple[int, int]:
    """How many files a folder holds, and how many bytes; links count as links."""
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_symlink() or path.is_file()]
    return len(sizes), sum(sizes)
