"""How far each package is on the way to being strict."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.audit.inventory import Package, inventory, package_in, stands_alone
from mypy_asyncsession.checking.projects import apart
from mypy_asyncsession.checking.report import shown
from mypy_asyncsession.config import Config, discover, load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.checking.report import Report
    from mypy_asyncsession.findings import Finding
    from mypy_asyncsession.survey import Provider

#: The code of what an annotation fixes.
_GETTER: Final = "session-getter"


class State(Enum):
    """How far a package is; the value is how it is shown."""

    STRICT = "strict"
    REGRESSED = "strict, and has findings"
    READY = "ready"
    ANNOTATIONS = "annotations are missing"
    FINDINGS = "has findings"


@dataclass(frozen=True, slots=True)
class Step:
    """One package.

    Attributes:
        package: Its sums, with the findings of all rules.
        state: How far it is.
        modules: Its modules that have to do with providers.
        missing: Its providers whose annotation is not precise.
    """

    package: Package
    state: State
    modules: tuple[str, ...]
    missing: tuple[Provider, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    """All packages, and what to do next.

    Attributes:
        steps: The packages that have to do with providers, by name.
        regressed: The findings in modules that are strict.
        checked: How many files were looked at.
    """

    steps: tuple[Step, ...]
    regressed: tuple[Finding, ...]
    checked: int

    def patterns(self) -> list[str]:
        """What to add to the list so that all that is ready is strict."""
        states = {step.package.name: step.state for step in self.steps}
        done = (State.READY, State.STRICT)
        found: list[str] = []
        for step in self.steps:
            name = step.package.name
            if step.state is not State.READY or any(
                pattern.endswith(".*") and f"{name}.".startswith(pattern[:-1]) for pattern in found
            ):
                continue
            below = [state for other, state in states.items() if other.startswith(f"{name}.")]
            is_package = step.modules != (name,)
            if is_package and all(state in done for state in below):
                found.append(f"{name}.*")
            else:
                found += step.modules
        return [pattern for pattern in found if _is_pattern(pattern)]

    def forbids(self, pattern: str) -> bool:
        """Whether a pattern would make a module strict that is not ready to be."""
        listed = Config(strict=(pattern,))
        done = (State.READY, State.STRICT)
        return any(
            listed.is_strict(module)
            for step in self.steps
            if step.state not in done
            for module in step.modules
        )

    def nearly(self) -> Iterator[tuple[Step, Provider]]:
        """The packages that one more annotation makes ready, and where it is missing."""
        for step in self.steps:
            if step.state is State.ANNOTATIONS and step.package.findings[_GETTER] == 1:
                for provider in step.missing:
                    if provider.resource:
                        yield step, provider
                        break


@dataclass(frozen=True, slots=True)
class Project:
    """How far one of several projects is; or the only one.

    Attributes:
        name: Its directory, as it is shown.
        file: The file whose list of strict modules counts for it; it need not be there.
        config: What that file says.
        rollout: How far it is.
        ready: What to add to that list.
        paths: The files that were looked at.
    """

    name: str
    file: Path
    config: Config
    rollout: Rollout
    ready: tuple[str, ...]
    paths: frozenset[str]


def projects(report: Report, directory: Path) -> list[Project]:
    """How far each project is.

    Args:
        report: A check of them with all rules, and with surveys.
        directory: The working directory.

    Raises:
        ConfigError: A configuration cannot be used.
    """
    found = []
    for folder, part in apart(report, str(directory)):
        file = discover(None, folder)
        config = load(file) if file is not None else Config()
        of_it = rollout(part, config)
        found.append(
            Project(
                shown(folder, str(directory)),
                file or Path(folder, "pyproject.toml"),
                config,
                of_it,
                tuple(of_it.patterns()),
                part.paths,
            )
        )
    return [
        replace(
            each,
            ready=tuple(
                pattern
                for pattern in each.ready
                if not any(
                    other.rollout.forbids(pattern) for other in found if other.file == each.file
                )
            ),
        )
        for each in found
    ]


def rollout(report: Report, config: Config) -> Rollout:
    """How far a project is.

    Args:
        report: A check of it with all rules, and with surveys.
        config: Which modules are strict.
    """
    found = inventory(report)
    names = {each.path: each.module for each in report.surveys}
    folders: dict[str, list[str]] = {}
    for path, module in sorted(names.items()):
        folders.setdefault(os.path.dirname(path), []).append(module)
    own: dict[str, list[str]] = {}
    for path, module in names.items():
        # What is in no package stands for itself, whatever else is in its directory.
        alone = stands_alone(module, path)
        own[package_in(module, path)] = [module] if alone else folders[os.path.dirname(path)]
    packages = {package.name: package for package in found.packages}
    for name in own:
        # One that uses what others define can be strict as well.
        packages.setdefault(name, Package(name))
    steps = []
    for _, package in sorted(packages.items()):
        modules = tuple(own.get(package.name, [package.name]))
        missing = tuple(
            row.provider for row in found.rows if row.provider.module in modules and not row.precise
        )
        strict = all(map(config.is_strict, modules))
        steps.append(Step(package, _state(package, strict=strict), modules, missing))
    regressed = [each for each in report.findings if config.is_strict(_module(each.path, names))]
    return Rollout(tuple(steps), tuple(regressed), report.checked)


def _state(package: Package, *, strict: bool) -> State:
    if package.findings.total() == 0:
        return State.STRICT if strict else State.READY
    if strict:
        return State.REGRESSED
    return State.ANNOTATIONS if set(package.findings) == {_GETTER} else State.FINDINGS


def _module(path: str, names: dict[str, str]) -> str:
    """The module that a file is; a guess from its path where nobody has surveyed it."""
    parts = Path(path).with_suffix("").parts
    return names.get(path) or ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_pattern(pattern: str) -> bool:
    return all(part == "*" or part.isidentifier() for part in pattern.split("."))
