"""FastAPI: what names a dependency, and what the installed release can drive."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

DEPENDS: Final = frozenset(
    {
        "fastapi.Depends",
        "fastapi.Security",
        "fastapi.param_functions.Depends",
        "fastapi.param_functions.Security",
        "fastapi.params.Depends",
        "fastapi.params.Security",
    }
)
DEPENDS_NAMES: Final = frozenset(name.rpartition(".")[2] for name in DEPENDS)
#: What stands for a parameter that is read from the request, as its default.
REQUEST_PARAMETERS: Final = frozenset(
    f"{module}.{name}"
    for module in ("fastapi", "fastapi.param_functions", "fastapi.params")
    for name in ("Body", "Cookie", "File", "Form", "Header", "Path", "Query")
)
#: What has routes, and overrides of its dependencies.
APPLICATIONS: Final = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"})
ROUTERS: Final = APPLICATIONS | {"fastapi.APIRouter", "fastapi.routing.APIRouter"}
#: The methods of these that register what they decorate, and hand it back as it is.
ROUTE_METHODS: Final = frozenset(
    {
        "api_route",
        "delete",
        "exception_handler",
        "get",
        "head",
        "middleware",
        "on_event",
        "options",
        "patch",
        "post",
        "put",
        "route",
        "trace",
        "websocket",
        "websocket_route",
    }
)
#: Decorators that are called with what they are told, and hand back what they decorate.
REGISTERING: Final = frozenset(
    f"{router}{call}.{method}"
    for router in ROUTERS
    for call in ("", "()")
    for method in ROUTE_METHODS
)

#: What is given a list of dependencies.
GIVEN_DEPENDENCIES: Final = (
    ROUTERS
    | REGISTERING
    | frozenset(
        f"{router}{call}.{method}"
        for router in ROUTERS
        for call in ("", "()")
        for method in ("add_api_route", "add_api_websocket_route", "include_router")
    )
)
GIVEN_DEPENDENCIES_NAMES: Final = frozenset(name.rpartition(".")[2] for name in GIVEN_DEPENDENCIES)

Version = tuple[int, ...]

#: The first release that looks behind ``functools.wraps`` and ``functools.partial``, and that
#: fails on a context manager instead of injecting it.
UNWRAPS: Final[Version] = (0, 123, 5)
#: From the first release to the one before the second, what follows the yield of a dependency runs
#: before the response is sent; before and after these, once it was sent.
ENDS_BEFORE_RESPONSE: Final[tuple[Version, Version]] = ((0, 106), (0, 118))
#: The first release in which a dependency says with ``scope`` when it ends.
HAS_SCOPE: Final[Version] = (0, 121)
#: What is assumed where FastAPI is not installed.
NEWEST: Final[Version] = (9999,)


def ends_after_response(version: Version) -> bool:
    """Whether what follows the yield of a dependency runs once the response was sent."""
    return version != NEWEST and not ends_before_response(version)


def ends_before_response(version: Version) -> bool:
    """Whether what follows the yield of a dependency runs before the response is sent."""
    first, last = ENDS_BEFORE_RESPONSE
    return first <= version < last


def parse_version(text: str) -> Version:
    """``"0.123.5"`` as numbers, what follows them left out."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def version_in(path: str) -> Version:
    """The version that FastAPI's own package says it is.

    Args:
        path: The path of the package's ``__init__.py``; empty where it is not installed.
    """
    try:
        text = Path(path).read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError):
        return NEWEST
    found = re.search(r'^__version__\s*=\s*"([^"]+)"', text, re.MULTILINE)
    return parse_version(found[1]) if found else NEWEST
