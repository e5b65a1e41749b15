"""The inventory for people, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from mypy_asyncsession.audit.plain import short

if TYPE_CHECKING:
    from mypy_asyncsession.audit.inventory import Inventory, Row

_STATES = {"precise": "green", "vague": "yellow", "missing": "yellow", "wrong": "red"}
#: What a line of output has where nobody looks: nothing is cut off then.
_WIDE = 240


def show(found: Inventory, *, colored: bool, width: int | None) -> None:
    """Print the tables.

    Args:
        found: The inventory.
        colored: Whether to use colours.
        width: The width of the terminal in columns, or ``None`` if there is none.
    """
    console = Console(
        width=width or _WIDE,
        no_color=not colored,
        force_terminal=colored or None,
        highlight=False,
        soft_wrap=False,
    )
    console.print(
        Group(
            _providers(found, wraps=width is not None),
            _packages(found),
            _wrong(found),
            _summary(found),
        )
    )


def _providers(found: Inventory, *, wraps: bool) -> Table:
    ways = found.ways()
    table = Table(box=SIMPLE_HEAD, title="Providers", title_justify="left", pad_edge=False)
    for name in ("provider", "gives", "annotation", "delegates to"):
        table.add_column(name, overflow="fold", no_wrap=not wraps)
    for way in ways:
        table.add_column(way, justify="right", no_wrap=True)
    path = None
    for row in found.rows:
        if row.provider.place.path != path:
            path = row.provider.place.path
            table.add_row(Text(path, style="bold"))
        provider = row.provider
        table.add_row(
            Text(f"  {provider.name}:{provider.place.line}"),
            Text(provider.gives),
            Text(provider.annotated, style=_STATES[provider.annotated]),
            Text(", ".join(map(short, row.delegates))),
            *(_times(row, way) for way in ways),
        )
    return table


def _times(row: Row, way: str) -> Text:
    count, wrong = row.count(way), row.wrong(way)
    if wrong:
        return Text(f"{count} ({wrong} wrong)", style="bold red")
    return Text(str(count or ""))


def _packages(found: Inventory) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Packages", title_justify="left", pad_edge=False)
    table.add_column("package")
    table.add_column("providers", justify="right")
    table.add_column("precise", justify="right")
    table.add_column("findings")
    for package in found.packages:
        table.add_row(
            Text(package.name),
            str(package.providers or ""),
            f"{package.share:.0%}" if package.providers else "",
            Text(
                ", ".join(f"{code} {n}" for code, n in sorted(package.findings.items())),
                style="red",
            ),
        )
    return table


def _wrong(found: Inventory) -> Text:
    lines = Text()
    for row in found.rows:
        for use in row.uses:
            if use.code is not None:
                lines.append(f"{use.path}:{use.line}: ")
                lines.append("wrong: ", style="bold red")
                lines.append(f"{row.provider.name} is {row.provider.shape}, {use.way}")
                lines.append(f"  [{use.code}]\n", style="yellow")
    return lines


def _summary(found: Inventory) -> Text:
    resources = [row for row in found.rows if row.provider.resource]
    precise = sum(row.precise for row in resources)
    wrong = sum(use.code is not None for row in found.rows for use in row.uses)
    share = f"{precise / len(resources):.0%}" if resources else "none to annotate"
    return Text(
        f"{len(found.rows)} providers, {len(resources)} of them of sessions "
        f"({share} annotated precisely); {wrong} wrong uses in "
        f"{found.checked} source file{'' if found.checked == 1 else 's'}",
        style="bold",
    )
