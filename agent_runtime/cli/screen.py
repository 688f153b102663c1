"""Findings as a table of one screen; the remedy stands under what it is for."""

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from agent_runtime.cli.checkup import Finding
from agent_runtime.terminal.printable import printable


def screen(findings: Iterable[Finding]) -> Table:
    """A grid of mark, name and what was found."""
    grid = Table.grid(padding=(0, 1))
    for finding in findings:
        mark, color = (
            ("✓", "green") if finding.is_ok else ("✗", "red") if finding.is_required else ("!", "yellow")
        )
        text = Text(printable(finding.text))
        if not finding.is_ok and finding.remedy:
            text.append(f"\n→ {printable(finding.remedy)}", style=color)
        grid.add_row(Text(mark, style=color), Text(finding.name, style="bold"), text)
    return grid
