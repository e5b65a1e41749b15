"""What FastAPI does with the instances that the handlers of the cases return."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from fastapi.exceptions import ResponseValidationError
from pydantic import ValidationError
from sqlalchemy.exc import MissingGreenlet, StatementError

from tests.harness.case import read_cases
from tests.harness.workspace import TEST_DATA, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_CASES: Final = read_cases(TEST_DATA / "session-lazy-load-responses.test")


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The module of the case."""
    workspace = Workspace(tmp_path_factory.mktemp("responses"), _CASES)
    workspace.write(1)
    before = set(sys.modules)
    sys.path.insert(0, str(workspace.root))
    try:
        yield importlib.import_module(f"{_CASES[0].package}.main")
    finally:
        sys.path.remove(str(workspace.root))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(
                workspace.root
            ):
                del sys.modules[name]


async def _fails(module: ModuleType, path: str) -> bool:
    """Whether a request fails, in a database with one user."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        pass

    async with module.engine.begin() as connection:
        await connection.run_sync(module.Base.metadata.drop_all)
        await connection.run_sync(module.Base.metadata.create_all)
    async with module.Keeping() as session:
        session.add(module.User(id=1, name="ann"))
        await session.commit()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [],
    }
    try:
        await module.app(scope, receive, send)
    except (MissingGreenlet, ResponseValidationError, StatementError, ValidationError) as error:
        return "greenlet" in str(error)
    return False


# A lazy load leaves the coroutine behind that it could not await.
@pytest.mark.filterwarnings("ignore:coroutine 'Connection.cursor'")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_wrong_ones_fail_and_no_other_does(module: ModuleType) -> None:
    async def failing() -> dict[str, bool]:
        try:
            return {
                route.name: await _fails(module, route.path)
                for route in module.app.routes
                if getattr(route, "name", "").startswith(("right", "wrong"))
            }
        finally:
            await module.engine.dispose()

    found = asyncio.run(failing())
    gc.collect()
    assert len(found) > 18
    assert {name for name, fails in found.items() if fails} == {
        name for name in found if name.startswith("wrong")
    }
