"""When the providers of the cases commit: what FastAPI does with them, in requests."""

from __future__ import annotations

import asyncio
import importlib
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from tests.harness.case import read_cases
from tests.harness.workspace import TEST_DATA, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

_CASES: Final = [
    case
    for case in read_cases(TEST_DATA / "session-late-commit.test")
    if "requests" in case.skips.get("proof", "")
]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The application of the cases."""
    workspace = Workspace(tmp_path_factory.mktemp("late"), _CASES)
    workspace.write(1)
    before = set(sys.modules)
    sys.path.insert(0, str(workspace.root))
    try:
        module = importlib.import_module(f"{_CASES[0].package}.main")
        yield module.app
    finally:
        sys.path.remove(str(workspace.root))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(
                workspace.root
            ):
                del sys.modules[name]


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


def test_the_wrong_ones_commit_after_the_response_and_no_other_does(application: FastAPI) -> None:
    found: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = {
            str(number): name
            for number in range(1, 80)
            for name in [_name_of(application, f"/{number}")]
            if name is not None
        }
        for number, name in paths.items():
            found[name] = asyncio.run(_request(application, f"/{number}"))
    late = set()
    for name, happened in found.items():
        answered = happened.index("answered 200")
        # Where a handler has committed itself, the provider has nothing left to commit.
        if "committed" in happened[answered:] and "committed" not in happened[:answered]:
            late.add(name)
    assert len(found) > 40
    assert late == {name for name in found if name.startswith("wrong")}


def _name_of(application: FastAPI, path: str) -> str | None:
    for route in application.routes:
        if getattr(route, "path", None) == path:
            name: str = route.name  # type: ignore[attr-defined]
            return name
    return None
