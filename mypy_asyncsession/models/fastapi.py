"""FastAPI: what names a dependency, and what its releases can drive."""

from __future__ import annotations

from typing import Final

from mypy_asyncsession.models.dependency_framework import DependencyFramework

_APPLICATIONS: Final = frozenset({"fastapi.FastAPI", "fastapi.applications.FastAPI"})

FASTAPI: Final = DependencyFramework(
    package="fastapi",
    markers=frozenset(
        f"{module}.{name}"
        for module in ("fastapi", "fastapi.param_functions", "fastapi.params")
        for name in ("Depends", "Security")
    ),
    request_parameters=frozenset(
        f"{module}.{name}"
        for module in ("fastapi", "fastapi.param_functions", "fastapi.params")
        for name in ("Body", "Cookie", "File", "Form", "Header", "Path", "Query")
    ),
    applications=_APPLICATIONS,
    routers=_APPLICATIONS | {"fastapi.APIRouter", "fastapi.routing.APIRouter"},
    route_methods=frozenset(
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
    ),
    including_methods=frozenset({"add_api_route", "add_api_websocket_route", "include_router"}),
    unwraps=(0, 123, 5),
    ends_before_response=((0, 106), (0, 118)),
    has_scope=(0, 121),
)
