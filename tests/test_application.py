"""``audit --app``: an application is imported, and what FastAPI cannot drive is listed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.cli.application import audit_application, lines

if TYPE_CHECKING:
    from pathlib import Path

APPLICATION = """
from contextlib import asynccontextmanager
from fastapi import Depends, FastAPI

@asynccontextmanager
async def get_db():
    yield

def create():
    app = FastAPI()

    @app.get("/")
    def read(db=Depends(get_db)): ...

    return app

app = create()

class Container:
    app = FastAPI()

nothing = 3
"""


@pytest.fixture(autouse=True)
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION, encoding="utf-8")
    (tmp_path / "broken.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("shop", "broken", "leaving"):
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.mark.parametrize("target", ["shop:app", "shop:create"])
def test_what_cannot_be_driven(target: str) -> None:
    problems = audit_application(target)
    (line,) = lines(problems)
    assert line.startswith('shop.py:5: "get_db" gives an async context manager, and FastAPI ')
    (line,) = lines(problems, "json")
    record = json.loads(line)
    assert record["dependency"] == "get_db"
    assert record["place"] == "shop.py:5"
    assert record["routes"] == ["GET /"]


def test_nothing_wrong() -> None:
    assert audit_application("shop:Container.app") == []


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shop", "is not of the form package.module:app"),
        ("shop:", "is not of the form package.module:app"),
        ("shop:missing", "has no attribute 'missing'"),
        ("missing:app", "No module named 'missing'"),
        ("shop:nothing", '"int" is no FastAPI or Starlette application'),
        ("broken:app", "ZeroDivisionError: division by zero"),
        ("leaving:app", "SystemExit: 3"),
    ],
)
def test_it_cannot_run(target: str, message: str) -> None:
    with pytest.raises(CannotRun, match=message):
        audit_application(target)
