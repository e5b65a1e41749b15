"""The inventory as data and as Markdown."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mypy_asyncsession.printable import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.audit.inventory import Inventory, Row


def as_json(found: Inventory) -> Iterator[str]:
    """One object: the providers, the packages with their findings by code, and these."""
    yield json_text(
        {
            "providers": [_row(row) for row in found.rows],
            "packages": [
                {
                    "name": package.name,
                    "providers": package.providers,
                    "precise": package.precise,
                    "findings": dict(sorted(package.findings.items())),
                }
                for package in found.packages
            ],
            "wrong": [
                {
                    "file": each.path,
                    "line": each.span.line,
                    "message": each.message,
                    "code": each.code,
                }
                for each in found.findings
            ],
            "checked": found.checked,
        },
        indent=2,
    )


def _row(row: Row) -> dict[str, object]:
    provider = row.provider
    return {
        "name": provider.fullname,
        "file": provider.place.path,
        "line": provider.place.line,
        "shape": provider.shape,
        "gives": provider.holds,
        "resource": provider.resource,
        "annotation": provider.annotated,
        "written": provider.written,
        "right": provider.right,
        "decorated": provider.managed,
        "kind": provider.kind,
        "delegates": list(row.delegates),
        "uses": [asdict(use) for use in row.uses],
    }


def as_markdown(found: Inventory) -> Iterator[str]:
    """Two tables, and the list of wrong uses."""
    ways = found.ways()
    yield from _table(
        ("Provider", "Place", "Shape", "Gives", "Annotation", "Delegates to", *ways),
        [
            (
                f"`{row.provider.name}`",
                f"{row.provider.place.path}:{row.provider.place.line}",
                row.provider.shape + (", decorated" if row.provider.managed else ""),
                row.provider.holds or "?",
                row.provider.annotated,
                ", ".join(f"`{short(name)}`" for name in row.delegates),
                *(_times(row, way) for way in ways),
            )
            for row in found.rows
        ],
    )
    yield ""
    yield from _table(
        ("Package", "Providers", "Precise", "Findings"),
        [
            (
                package.name,
                str(package.providers),
                f"{package.precise} ({package.share:.0%})" if package.providers else "",
                ", ".join(f"{code} {n}" for code, n in sorted(package.findings.items())),
            )
            for package in found.packages
        ],
    )
    wrong = list(wrong_uses(found))
    if wrong:
        yield ""
        for line in wrong:
            yield f"- {line}"


def wrong_uses(found: Inventory) -> Iterator[str]:
    """The uses that are rejected, a line each."""
    for each in found.findings:
        yield f"{each.path}:{each.span.line}: {each.message}  [{each.code}]"


def short(fullname: str) -> str:
    """A full name without the module: enough beside its place."""
    parts = fullname.split(".")
    return ".".join(parts[-2:]) if len(parts) > 1 and parts[-2][:1].isupper() else parts[-1]


def _times(row: Row, way: str) -> str:
    count, wrong = row.count(way), row.wrong(way)
    if not count:
        return ""
    return f"{count} (**{wrong} wrong**)" if wrong else str(count)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    for row in rows:
        cells = (cell.replace("|", "\\|").replace("<", "&lt;") for cell in row)
        yield f"| {' | '.join(cells)} |"
