"""The frameworks that inject dependencies, all together."""

from __future__ import annotations

import sys
from typing import Final

from mypy_asyncsession.models.fastapi import FASTAPI

FRAMEWORKS: Final = (FASTAPI,)


def _last_names(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name.rpartition(".")[2] for name in names)


_NONE: Final[frozenset[str]] = frozenset()

#: What names a dependency.
DEPENDS: Final = _NONE.union(*(each.markers for each in FRAMEWORKS))
DEPENDS_NAMES: Final = _last_names(DEPENDS)
#: What stands for a parameter that is read from the request, as its default.
REQUEST_PARAMETERS: Final = _NONE.union(*(each.request_parameters for each in FRAMEWORKS))
REQUEST_PARAMETER_NAMES: Final = _last_names(REQUEST_PARAMETERS)
#: What has overrides of its dependencies.
APPLICATIONS: Final = _NONE.union(*(each.applications for each in FRAMEWORKS))
#: The methods that register what they decorate, and hand it back as it is.
ROUTE_METHODS: Final = _NONE.union(*(each.route_methods for each in FRAMEWORKS))
#: Decorators that are called with what they are told, and hand back what they decorate.
REGISTERING: Final = _NONE.union(
    *(each.methods_of_routers(each.route_methods) for each in FRAMEWORKS)
)
#: What is given a list of dependencies.
GIVEN_DEPENDENCIES: Final = REGISTERING.union(
    *(each.routers | each.methods_of_routers(each.including_methods) for each in FRAMEWORKS)
)
GIVEN_DEPENDENCIES_NAMES: Final = _last_names(GIVEN_DEPENDENCIES)


#: Packages that import none of them, beside the standard library.
_INDEPENDENT: Final = frozenset(
    {"_typeshed", "anyio", "pydantic", "sqlalchemy", "sqlmodel", "starlette", "typing_extensions"}
)


def is_independent(package: str) -> bool:
    """Whether an installed package of this name knows none of the frameworks."""
    return package in _INDEPENDENT or package in sys.stdlib_module_names


def is_of_framework(fullname: str) -> bool:
    """Whether something is defined in one of them."""
    return any(fullname.startswith(each.package) for each in FRAMEWORKS)
