"""The picture: providers in the middle, delegation to the left of them, who uses them on the right.

One line a provider, so that two hundred of them can still be read. On the right, files that use a
provider wrongly stand for themselves; of those that use it rightly, the package does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.audit.shapes import css_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.audit.inventory import Inventory, Row

_LINE: Final = 24
_HEAD: Final = 30
_LEFT: Final = 190
_NODE: Final = 430
_GAP: Final = 260
_USER: Final = 400
_CHARACTER: Final = 7.3


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line between two nodes."""

    source: str
    target: str
    wrong: bool
    count: int
    title: str


def picture(found: Inventory) -> str:
    """The picture, as SVG."""
    if not found.rows:
        return "<p>There are no providers here.</p>"
    labels, places, below = _providers(found)
    users, edges = _users(found)
    height = max(below, _HEAD + (len(users) + 1) * _LINE) + _LINE
    user_places = _spread(users, edges, places, height)
    wrong = {edge.target for edge in edges if edge.wrong}
    parts = [
        *(_package(name, y) for name, y in labels),
        *_arcs(found, places),
        *(_use(edge, places, user_places) for edge in sorted(edges, key=lambda e: e.wrong)),
        *(_provider(row, places[row.provider.fullname], wrong) for row in found.rows),
        *(_user(name, y, edges) for name, y in user_places.items()),
    ]
    width = _LEFT + _NODE + _GAP + _USER
    return (
        f'<svg width="{width}" height="{height:.0f}" viewBox="0 0 {width} {height:.0f}" '
        f'data-sizes="{_LINE} {_HEAD} {_LEFT} {_NODE} {_GAP}" '
        f'role="img" aria-label="Providers, their delegation and their uses">\n'
        + "\n".join(parts)
        + "\n</svg>"
    )


def _providers(
    found: Inventory,
) -> tuple[list[tuple[str, float]], dict[str, float], float]:
    """The headings with their heights, the providers with theirs, and where they end."""
    labels: list[tuple[str, float]] = []
    places: dict[str, float] = {}
    y = float(_HEAD)
    path = None
    for row in _ordered(found):
        provider = row.provider
        if provider.place.path != path:
            path = provider.place.path
            y += _LINE / 2 if places else 0
            labels.append((path, y))
            y += _LINE
        places[provider.fullname] = y
        y += _LINE
    return labels, places, y


def _ordered(found: Inventory) -> list[Row]:
    """The providers by file: first the files with wrong uses, then those with sessions."""
    ranks: dict[str, tuple[int, str]] = {}
    for row in found.rows:
        path = row.provider.place.path
        wrong = any(use.code is not None for use in row.uses)
        rank = 0 if wrong else 1 if row.provider.resource else 2
        ranks[path] = min(ranks.get(path, (3, path)), (rank, path))
    return sorted(
        found.rows,
        key=lambda row: (*ranks[row.provider.place.path], row.provider.place.line),
    )


def _users(found: Inventory) -> tuple[list[str], list[_Edge]]:
    """Who uses the providers, and the edges to them."""
    counts: dict[tuple[str, str, bool], list[str]] = {}
    for row in found.rows:
        for use in row.uses:
            wrong = use.code is not None
            user = use.path if wrong else os.path.dirname(use.path) or os.curdir
            line = f"{use.path}:{use.line} {use.way}" + (f" [{use.code}]" if use.code else "")
            counts.setdefault((user, row.provider.fullname, wrong), []).append(line)
    edges = [
        _Edge(user, provider, wrong, len(lines), "\n".join(lines[:30]))
        for (user, provider, wrong), lines in counts.items()
    ]
    return sorted({edge.source for edge in edges}), edges


def _spread(
    users: list[str], edges: list[_Edge], places: dict[str, float], height: float
) -> dict[str, float]:
    """A height for each user, near to what it uses, and none upon another."""
    wanted: dict[str, float] = {}
    for user in users:
        heights = [places[edge.target] for edge in edges if edge.source == user]
        wanted[user] = sum(heights) / len(heights)
    result: dict[str, float] = {}
    y = float(_HEAD)
    ordered = sorted(users, key=lambda user: (wanted[user], user))
    for number, user in enumerate(ordered):
        rest = (len(ordered) - number) * _LINE
        y = max(y, min(wanted[user], height - rest - _LINE))
        result[user] = y
        y += _LINE
    return result


def _package(name: str, y: float) -> str:
    return (
        f'<text class="package" data-path="{escape(name)}" data-y="{y:.0f}" x="{_LEFT}" '
        f'y="{y + 15:.0f}">{escape(name)}</text>'
    )


def _arcs(found: Inventory, places: dict[str, float]) -> Iterator[str]:
    for row in found.rows:
        name = row.provider.fullname
        bad = {
            use.provider
            for other in found.rows
            for use in other.uses
            if use.function == name and use.code is not None
        }
        for target in row.delegates:
            if target not in places:
                continue
            begin, end = places[name] + _LINE / 2 - 2, places[target] + _LINE / 2 - 2
            reach = min(_LEFT - 16, 24 + abs(end - begin) / 5)
            wrong = target in bad
            yield (
                f'<path class="edge delegates{" wrong" if wrong else ""}" data-kind="delegates" '
                f'data-from="{escape(name)}" data-to="{escape(target)}"'
                f'{" data-wrong" if wrong else ""} d="M{_LEFT},{begin:.0f} '
                f"C{_LEFT - reach:.0f},{begin:.0f} {_LEFT - reach:.0f},{end:.0f} "
                f'{_LEFT},{end:.0f}"><title>{escape(name)} delegates to {escape(target)}</title>'
                "</path>"
            )


def _use(edge: _Edge, places: dict[str, float], users: dict[str, float]) -> str:
    x1, y1 = _LEFT + _NODE, places[edge.target] + _LINE / 2 - 2
    x2, y2 = x1 + _GAP, users[edge.source] + _LINE / 2 - 2
    middle = (x1 + x2) / 2
    return (
        f'<path class="edge{" wrong" if edge.wrong else ""}" data-kind="uses" '
        f'data-from="{escape(edge.source)}" data-to="{escape(edge.target)}"'
        f"{' data-wrong' if edge.wrong else ''} "
        f'd="M{x1},{y1:.0f} C{middle:.0f},{y1:.0f} {middle:.0f},{y2:.0f} {x2},{y2:.0f}" '
        f'style="stroke-width:{min(1 + edge.count / 8, 4):.1f}">'
        f"<title>{escape(edge.title)}</title></path>"
    )


def _provider(row: Row, y: float, wrong: set[str]) -> str:
    provider = row.provider
    is_wrong = provider.fullname in wrong
    uses = len(row.uses)
    bad = sum(use.code is not None for use in row.uses)
    note = f"{uses} use{'' if uses == 1 else 's'}" if uses else "not used"
    note += f", {bad} wrong" if bad else ""
    text = f"{provider.fullname} {provider.place.path} {provider.holds or ''} {provider.shape}"
    return (
        f'<g class="node{" wrong" if is_wrong else ""}" data-kind="provider" data-y="{y:.0f}" '
        f'data-path="{escape(provider.place.path)}" '
        f'data-id="{escape(provider.fullname)}" data-text="{escape(text.lower())}"'
        f"{' data-wrong' if is_wrong else ''}>"
        f"<title>{escape(_title(row))}</title>"
        f'<rect x="{_LEFT}" y="{y:.0f}" width="{_NODE}" height="{_LINE - 4}" rx="4"/>'
        f'<rect class="bar {css_class(provider.shape)}" x="{_LEFT}" y="{y:.0f}" width="6" '
        f'height="{_LINE - 4}" rx="3"/>'
        f'<text x="{_LEFT + 14}" y="{y + 14:.0f}">{escape(_cut(provider.name, 40))}</text>'
        f'<text class="note{" bad" if bad else ""}" x="{_LEFT + _NODE - 8}" '
        f'y="{y + 14:.0f}" text-anchor="end">'
        f"{note}</text></g>"
    )


def _title(row: Row) -> str:
    provider = row.provider
    lines = [
        f"{provider.fullname} ({provider.place.path}:{provider.place.line})",
        f"{provider.gives}; annotation: {provider.annotated}",
    ]
    if not row.precise and provider.right:
        lines.append(f"write: -> {provider.right}")
    return "\n".join(lines)


def _user(name: str, y: float, edges: list[_Edge]) -> str:
    wrong = any(edge.wrong for edge in edges if edge.source == name)
    x = _LEFT + _NODE + _GAP
    shown = _cut(name, int(_USER / _CHARACTER) - 2, tail=True)
    return (
        f'<g class="node user{" wrong" if wrong else ""}" data-kind="user" data-y="{y:.0f}" '
        f'data-id="{escape(name)}"><title>{escape(name)}</title>'
        f'<rect x="{x}" y="{y:.0f}" width="{_USER}" height="{_LINE - 4}" rx="4"/>'
        f'<text x="{x + 10}" y="{y + 14:.0f}">{escape(shown)}</text></g>'
    )


def _cut(text: str, length: int, *, tail: bool = False) -> str:
    if len(text) <= length:
        return text
    return (
        "\N{HORIZONTAL ELLIPSIS}" + text[-length + 1 :]
        if tail
        else text[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"
    )
