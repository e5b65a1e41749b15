"""What happens in the requests of an application, in order: when it answers, and when it commits.

Usage: ``python answered.py URL DIRECTORY PACKAGE``, which prints one JSON object for the handlers
of that package, with PostgreSQL in the place of SQLite.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI

#: The paths of the handlers are numbers.
_PATHS = range(1, 80)


def in_order(application: FastAPI) -> dict[str, list[str]]:
    """What happens in a request of each handler, by its name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = {f"/{number}": _name_of(application, f"/{number}") for number in _PATHS}
        return {
            name: asyncio.run(_request(application, path))
            for path, name in paths.items()
            if name is not None
        }


def late(found: Mapping[str, list[str]]) -> set[str]:
    """The handlers after whose answers something is committed.

    Where a handler has committed itself, the provider has nothing left to commit.
    """
    names = set()
    for name, happened in found.items():
        answered = happened.index("answered 200")
        if "committed" in happened[answered:] and "committed" not in happened[:answered]:
            names.add(name)
    return names


async def _request(application: FastAPI, path: str) -> list[str]:
    """What happens in a request, in order."""
    happened: list[str] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            happened.append(f"answered {message['status']}")

    def committed(*_: object) -> None:
        happened.append("committed")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [],
        "client": ("test", 1),
        "server": ("test", 80),
    }
    listened = [(Session, "before_commit"), (Engine, "commit")]
    for target, name in listened:
        event.listen(target, name, committed)
    try:
        await application(scope, receive, send)
    finally:
        for target, name in listened:
            event.remove(target, name, committed)
    return happened


def _name_of(application: FastAPI, path: str) -> str | None:
    for route in application.routes:
        if getattr(route, "path", None) == path:
            name: str = route.name  # type: ignore[attr-defined]
            return name
    return None


def main() -> None:
    """Ask each handler of the package that the arguments name."""
    url, directory, package = sys.argv[1:]
    place = Path(__file__).with_name("prove_on_postgres.py")
    spec = importlib.util.spec_from_file_location("prove_on_postgres", place)
    assert spec is not None
    assert spec.loader is not None
    postgres = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(postgres)
    postgres.redirect(url)
    sys.path.insert(0, directory)
    module = importlib.import_module(f"{package}.main")
    sys.stdout.write(json.dumps(in_order(module.app)))


if __name__ == "__main__":
    main()
