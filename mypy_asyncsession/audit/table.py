"""The inventory for people: tables where they fit, and else a few lines for each provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mypy_asyncsession.audit.plain import short

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from mypy_asyncsession.audit.inventory import Inventory, Row

_STATES: Final = {"precise": "green", "vague": "yellow", "missing": "yellow", "wrong": "red"}

#: What a line of output has where nobody looks: as much as it takes.
_ENDLESS: Final = 100_000


def show(found: Inventory, *, colored: bool, width: int | None) -> None:
    """Print the tables.

    Args:
        found: The inventory.
        colored: Whether to use colours.
        width: The width of the terminal in columns, or ``None`` if there is none: then each line
            is as long as what it says.
    """
    console = Console(
        width=width or _ENDLESS,
        color_system="standard" if colored else None,
        force_terminal=colored or None,
        highlight=False,
    )
    tables = (_providers(found), _packages(found))
    lists = (_listed_providers(found), _listed_packages(found))
    endless = console.options.update(width=_ENDLESS)
    for table, listed in zip(tables, lists, strict=True):
        needed = Measurement.get(console, endless, table).maximum
        console.print(table if needed <= console.width else listed)
    for line in _wrong(found):
        # What a line has too much the terminal breaks itself: it can be copied as it is.
        console.print(line, soft_wrap=True)
    console.print(_summary(found), soft_wrap=True)


def _providers(found: Inventory) -> Table:
    ways = found.ways()
    table = Table(box=SIMPLE_HEAD, title="Providers", title_justify="left", pad_edge=False)
    for name in ("provider", "gives", "annotation", "delegates to"):
        table.add_column(name, no_wrap=True)
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
            _annotation(row),
            Text(", ".join(map(short, row.delegates))),
            *(_times(row, way) for way in ways),
        )
    return table


def _listed_providers(found: Inventory) -> Group:
    """The same below each other, for a terminal that is too narrow for a table."""
    parts: list[RenderableType] = [_heading("Providers")]
    path = None
    for row in found.rows:
        provider = row.provider
        if provider.place.path != path:
            path = provider.place.path
            parts.append(Text(path, style="bold"))
        parts.append(_indented(Text(f"{provider.name}:{provider.place.line}"), 2))
        gives = Text.assemble(f"{provider.gives}, annotation ", _annotation(row))
        parts.append(_indented(gives, 4))
        if row.delegates:
            parts.append(_indented(Text(f"delegates to {', '.join(map(short, row.delegates))}"), 4))
        used = [
            Text.assemble(f"{way} ", _times(row, way)) for way in found.ways() if row.count(way)
        ]
        if used:
            parts.append(_indented(Text(", ").join(used), 4))
    return Group(*parts, "")


def _annotation(row: Row) -> Text:
    return Text(row.provider.annotated, style=_STATES[row.provider.annotated])


def _times(row: Row, way: str) -> Text:
    count, wrong = row.count(way), row.wrong(way)
    if wrong:
        return Text(f"{count} ({wrong} wrong)", style="bold red")
    return Text(str(count or ""))


def _packages(found: Inventory) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Packages", title_justify="left", pad_edge=False)
    table.add_column("package", no_wrap=True)
    table.add_column("providers", justify="right", no_wrap=True)
    table.add_column("precise", justify="right", no_wrap=True)
    table.add_column("findings", no_wrap=True)
    for package in found.packages:
        table.add_row(
            Text(package.name),
            str(package.providers or ""),
            f"{package.share:.0%}" if package.providers else "",
            Text(_counts(package.findings), style="red"),
        )
    return table


def _listed_packages(found: Inventory) -> Group:
    parts: list[RenderableType] = [_heading("Packages")]
    for package in found.packages:
        parts.append(Text(package.name, style="bold"))
        if package.providers:
            number = f"{package.providers} provider{'' if package.providers == 1 else 's'}"
            parts.append(_indented(Text(f"{number}, {package.share:.0%} precise"), 2))
        if package.findings:
            parts.append(_indented(Text(_counts(package.findings), style="red"), 2))
    return Group(*parts, "")


def _counts(findings: Mapping[str, int]) -> str:
    return ", ".join(f"{code} {number}" for code, number in sorted(findings.items()))


def _heading(text: str) -> Text:
    return Text(text, style="italic")


def _indented(text: Text, by: int) -> Padding:
    text.overflow = "fold"
    return Padding(text, (0, 0, 0, by), expand=False)


def _wrong(found: Inventory) -> Iterator[Text]:
    for finding in found.findings:
        yield Text.assemble(
            f"{finding.path}:{finding.span.line}: ",
            ("wrong: ", "bold red"),
            finding.message,
            (f"  [{finding.code}]", "yellow"),
        )


def _summary(found: Inventory) -> Text:
    resources = [row for row in found.rows if row.provider.resource]
    precise = sum(row.precise for row in resources)
    share = f"{precise / len(resources):.0%}" if resources else "none to annotate"
    return Text(
        f"{_count(len(found.rows), 'provider')}, {len(resources)} of them of sessions "
        f"({share} annotated precisely); {_count(len(found.findings), 'wrong use')} in "
        f"{_count(found.checked, 'source file')}",
        style="bold",
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
