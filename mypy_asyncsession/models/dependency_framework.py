"""What a framework is called by that injects dependencies, and what its releases do.

FastAPI is the first: see ``fastapi.py``. Another one is a file beside it, and a line in
``frameworks.py``, which is what the rest of the package asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

Version = tuple[int, ...]

#: What is assumed where the framework is not installed.
NEWEST: Final[Version] = (9999,)


@dataclass(frozen=True, slots=True)
class DependencyFramework:
    """A framework that calls the functions which it is told to, and injects what they give.

    Attributes:
        package: The package that it is.
        markers: What names a dependency, by full names: ``Depends(f)``.
        request_parameters: What stands for a parameter that is read from the request, as its
            default.
        applications: What has overrides of its dependencies.
        routers: What has routes, the applications among them.
        route_methods: The methods of these that register what they decorate, and hand it back as
            it is.
        including_methods: Other methods of these that are given a list of dependencies.
        unwraps: The first release that looks behind ``functools.wraps`` and ``functools.partial``,
            and that fails on a context manager instead of injecting it.
        ends_before_response: From the first release to the one before the second, what follows the
            yield of a dependency runs before the response is sent; before and after these, once it
            was sent.
        has_scope: The first release in which a dependency says with ``scope`` when it ends.
    """

    package: str
    markers: frozenset[str]
    request_parameters: frozenset[str]
    applications: frozenset[str]
    routers: frozenset[str]
    route_methods: frozenset[str]
    including_methods: frozenset[str]
    unwraps: Version
    ends_before_response: tuple[Version, Version]
    has_scope: Version

    def methods_of_routers(self, names: frozenset[str]) -> frozenset[str]:
        """The full names of methods of the routers, of the classes and of what is made of them."""
        return frozenset(
            f"{router}{call}.{name}"
            for router in self.routers
            for call in ("", "()")
            for name in names
        )


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a framework.

    Attributes:
        framework: The framework.
        version: The version; ``NEWEST`` where it is not installed.
    """

    framework: DependencyFramework
    version: Version = NEWEST

    @property
    def unwraps(self) -> bool:
        """Whether it looks behind ``functools.wraps`` and ``functools.partial``."""
        return self.version >= self.framework.unwraps

    @property
    def has_scope(self) -> bool:
        """Whether a dependency says with ``scope`` when it ends."""
        return self.version >= self.framework.has_scope

    @property
    def ends_before_response(self) -> bool:
        """Whether what follows the yield of a dependency runs before the response is sent."""
        first, last = self.framework.ends_before_response
        return first <= self.version < last

    @property
    def ends_after_response(self) -> bool:
        """Whether what follows the yield of a dependency runs once the response was sent."""
        return self.version != NEWEST and not self.ends_before_response


def parse_version(text: str) -> Version:
    """``"0.123.5"`` as numbers, what follows them left out."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def version_in(path: str) -> Version:
    """The version that a package says it is.

    Args:
        path: The path of the package's ``__init__.py``; empty where it is not installed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError):
        return NEWEST
    found = re.search(r'^__version__\s*=\s*"([^"]+)"', text, re.MULTILINE)
    return parse_version(found[1]) if found else NEWEST
