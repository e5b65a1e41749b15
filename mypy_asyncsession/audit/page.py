"""The inventory as one self-contained page with a picture."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.audit.picture import picture
from mypy_asyncsession.audit.shapes import KEYS, css_class
from mypy_asyncsession.home import rule_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mypy_asyncsession.audit.inventory import Inventory, Row
    from mypy_asyncsession.findings import Finding

_TEMPLATE: Final = "page.html"


def page(found: Inventory, link: Callable[[str, int], str]) -> str:
    """The page, as HTML.

    Args:
        found: The inventory.
        link: The address of a line in a file.
    """
    template = Template(files(__package__).joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    return template.substitute(
        sums=_sums(found),
        keys="\n".join(
            f'<span class="key"><i class="{kind}"></i>{escape(name)}</span>' for kind, name in KEYS
        ),
        picture=picture(found),
        wrong=_wrong(found, link),
        packages=_packages(found),
        providers=_providers(found, link),
    )


def _sums(found: Inventory) -> str:
    resources = [row for row in found.rows if row.provider.resource]
    precise = sum(row.precise for row in resources)
    wrong = len(found.findings)
    share = f"{precise / len(resources):.0%}" if resources else "none"
    return (
        f"<b>{len(found.rows)}</b> providers, <b>{share}</b> of those of sessions annotated "
        f'precisely, <b class="{"bad" if wrong else ""}">{wrong}</b> wrong uses, '
        f"<b>{found.checked}</b> files"
    )


def _wrong(found: Inventory, link: Callable[[str, int], str]) -> str:
    return _table(
        "wrong",
        ("place", "what is wrong", "code"),
        (
            (
                _data("wrong", each.provider.fullname if each.provider else "")
                + f' data-package="{escape(found.package_of(each.path))}" data-wrong '
                f'data-text="{escape(f"{each.path} {each.message} {each.code}".lower())}"',
                (
                    _linked(each.path, each.span.line, link),
                    _said(each),
                    _anchor(rule_page(each.code), each.code),
                ),
            )
            for each in found.findings
        ),
    )


def _packages(found: Inventory) -> str:
    return _table(
        "packages",
        ("package", "providers", "precise", "findings"),
        (
            (
                f' data-kind="package" data-package="{escape(package.name)}"',
                (
                    _code(package.name),
                    _number(package.providers),
                    _number(f"{package.share:.0%}" if package.providers else ""),
                    '<td class="bad">'
                    + escape(", ".join(f"{c} {n}" for c, n in sorted(package.findings.items())))
                    + "</td>",
                ),
            )
            for package in found.packages
        ),
    )


def _providers(found: Inventory, link: Callable[[str, int], str]) -> str:
    ways = found.ways()
    return _table(
        "providers",
        ("provider", "place", "gives", "annotation", "write", *ways),
        (
            (
                _data("row", row.provider.fullname)
                + f' data-package="{escape(found.package_of(row.provider.place.path))}"',
                _cells(row, ways, link),
            )
            for row in found.rows
        ),
    )


def _cells(row: Row, ways: tuple[str, ...], link: Callable[[str, int], str]) -> tuple[str, ...]:
    provider = row.provider
    wanted = provider.right if not row.precise and provider.right else ""
    return (
        _code(provider.name),
        _linked(provider.place.path, provider.place.line, link),
        (
            f'<td><span class="key"><i class="{css_class(provider.shape)}"></i></span> '
            f"{escape(provider.gives)}</td>"
        ),
        f'<td class="state-{provider.annotated}">{provider.annotated}</td>',
        _code(f"-> {wanted}" if wanted else ""),
        *(_times(row, way) for way in ways),
    )


def _times(row: Row, way: str) -> str:
    count, wrong = row.count(way), row.wrong(way)
    bad = f' <span class="bad">({wrong} wrong)</span>' if wrong else ""
    return f'<td class="number">{count or ""}{bad}</td>'


def _data(kind: str, provider: str) -> str:
    return f' data-kind="{kind}" data-id="{escape(provider)}"'


def _said(finding: Finding) -> str:
    hint = f'<div class="hint">{escape(finding.hint)}</div>' if finding.hint else ""
    return f"<td>{escape(finding.message)}{hint}</td>"


def _linked(path: str, line: int, link: Callable[[str, int], str]) -> str:
    return _anchor(link(path, line), f"{path}:{line}")


def _anchor(address: str | None, text: str) -> str:
    if address is None:
        return _code(text)
    return f'<td><a href="{escape(address)}"><code>{escape(text)}</code></a></td>'


def _code(text: str) -> str:
    return f"<td><code>{escape(text)}</code></td>" if text else "<td></td>"


def _number(value: object) -> str:
    return f'<td class="number">{value or ""}</td>'


def _table(name: str, header: tuple[str, ...], rows: Iterable[tuple[str, tuple[str, ...]]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in header)
    body = "\n".join(f"<tr{data}>{''.join(cells)}</tr>" for data, cells in rows)
    return f'<table id="{name}"><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>'
