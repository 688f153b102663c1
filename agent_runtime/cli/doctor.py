"""`agent-runtime doctor`: one screen on what is there, what is missing, and what to do about it."""

import typer


def doctor() -> None:
    """Check what a run needs: model, device, sandboxes, database, disk."""
    import anyio  # noqa: PLC0415  (--help needs none of it)
    from rich.console import Console  # noqa: PLC0415

    from agent_runtime.assembly import sandbox_probes  # noqa: PLC0415
    from agent_runtime.cli.checkup import checkup  # noqa: PLC0415
    from agent_runtime.cli.screen import screen  # noqa: PLC0415

    findings = anyio.run(checkup, sandbox_probes())
    Console().print(screen(findings))
    raise typer.Exit(3 if any(finding.is_required and not finding.is_ok for finding in findings) else 0)
