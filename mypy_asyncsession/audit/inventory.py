"""The inventory: a row for each provider, and the sums for each package."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mypy_asyncsession.audit.same_names import told_apart
from mypy_asyncsession.survey import WAYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mypy_asyncsession.checking.report import Problem, Report
    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.survey import Provider, Survey, Used


@dataclass(frozen=True, slots=True)
class Row:
    """A provider, and all that is done with it.

    Attributes:
        provider: The provider.
        uses: Where it is used, in the order of the files.
        delegates: The providers that it hands on or uses itself, by their full names.
    """

    provider: Provider
    uses: tuple[Used, ...]
    delegates: tuple[str, ...]

    def count(self, way: str) -> int:
        """How often it is used in one way."""
        return sum(use.way == way for use in self.uses)

    def wrong(self, way: str) -> int:
        """How often it is used wrongly in one way."""
        return sum(use.way == way and use.code is not None for use in self.uses)

    @property
    def precise(self) -> bool:
        """Whether its annotation says what it gives."""
        return self.provider.annotated == "precise"


@dataclass(slots=True)
class Package:
    """The sums of one package.

    Attributes:
        name: The package, or the directory where its name is not known.
        providers: How many providers of a resource it defines.
        precise: How many of these are annotated precisely.
        findings: How many findings there are, by code.
    """

    name: str
    providers: int = 0
    precise: int = 0
    findings: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """The share of its providers that is annotated precisely, from 0 to 1; 1 for none."""
        return self.precise / self.providers if self.providers else 1.0


@dataclass(frozen=True, slots=True)
class Inventory:
    """All that is known of the providers of a project.

    Attributes:
        rows: The providers, by file and line.
        packages: The packages that have providers or findings, by name.
        findings: The findings.
        problems: What was in the way.
        checked: How many files were looked at.
        directories: The packages that directories are, and the modules that are in none, by path.
    """

    rows: tuple[Row, ...]
    packages: tuple[Package, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]
    checked: int
    directories: Mapping[str, str] = field(default_factory=dict)

    def package_of(self, path: str) -> str:
        """The package that a file is in, or its directory where the name is not known.

        A module that is in no package stands for itself.
        """
        directory = os.path.dirname(path)
        known = self.directories.get(path) or self.directories.get(directory)
        return known or directory.replace(os.sep, ".") or "."

    def ways(self) -> tuple[str, ...]:
        """The ways in which anything is used, in the order of ``WAYS``."""
        return tuple(way for way in WAYS if any(row.count(way) for row in self.rows))


def inventory(report: Report) -> Inventory:
    """The inventory of what a run surveyed."""
    surveys = [*told_apart(report)] if report.parts else report.surveys
    providers = {provider.fullname: provider for found in surveys for provider in found.providers}
    rejected = {(found.path, found.span.line, found.code) for found in report.findings}
    uses: dict[str, list[Used]] = {}
    inside: dict[str, set[str]] = {}
    for use in _uses(surveys):
        if use.provider in providers:
            # One that is silenced, by a comment or the configuration, is not reported.
            is_reported = (use.path, use.line, use.code) in rejected
            counted = use if is_reported else replace(use, code=None)
            uses.setdefault(use.provider, []).append(counted)
            if use.function in providers and use.function != use.provider:
                inside.setdefault(use.function, set()).add(use.provider)
    rows = []
    for name, provider in providers.items():
        delegates = inside.get(name, set())
        if provider.returns in providers and provider.returns != name:
            delegates = delegates | {provider.returns}
        ordered = sorted(uses.get(name, ()), key=lambda use: (use.path, use.line, use.way))
        rows.append(Row(provider, tuple(ordered), tuple(sorted(filter(None, delegates)))))
    rows.sort(key=lambda row: (row.provider.place.path, row.provider.place.line))
    found = Inventory(
        tuple(rows),
        (),
        tuple(report.findings),
        tuple(report.problems),
        report.checked,
        dict(_directories(rows, surveys)),
    )
    return replace(found, packages=tuple(_packages(found)))


def _uses(surveys: Iterable[Survey]) -> Iterator[Used]:
    for found in surveys:
        yield from found.uses


def _directories(rows: Iterable[Row], surveys: Iterable[Survey]) -> Iterator[tuple[str, str]]:
    modules = [(row.provider.place.path, row.provider.module) for row in rows]
    for path, module in (*modules, *((found.path, found.module) for found in surveys)):
        package = package_in(module, path)
        alone = stands_alone(module, path)
        yield path if alone else os.path.dirname(path), package


def _packages(found: Inventory) -> Iterator[Package]:
    packages: dict[str, Package] = {}
    for row in found.rows:
        name = found.package_of(row.provider.place.path)
        package = packages.setdefault(name, Package(name))
        if row.provider.resource:
            package.providers += 1
            package.precise += row.precise
    for finding in found.findings:
        name = found.package_of(finding.path)
        packages.setdefault(name, Package(name)).findings[finding.code] += 1
    return iter(sorted(packages.values(), key=lambda package: package.name))


def package_in(module: str, path: str) -> str:
    """The package that a module is in; a package is in itself."""
    if _is_package(path):
        return module
    return module.rpartition(".")[0] or module


def stands_alone(module: str, path: str) -> bool:
    """Whether a module is in no package, and is none."""
    return "." not in module and not _is_package(path)


def _is_package(path: str) -> bool:
    return os.path.basename(path) in ("__init__.py", "__init__.pyi")
