"""A package that the project itself imports by two names: both are the same files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from mypy_asyncsession.checking.options import Engine, Options
from mypy_asyncsession.checking.run import check

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_asyncsession.checking.report import Report

GENERATOR: Final = "async def get_db():\n    yield 1\n"
MANAGER: Final = f"from contextlib import asynccontextmanager\n@asynccontextmanager\n{GENERATOR}"
USE: Final = "from {0} import get_db\nasync def use():\n    async with get_db() as s: s\n"
FILES: Final = {
    ".git/HEAD": "",
    "backend/app/__init__.py": "",
    "backend/app/db.py": GENERATOR,
    "backend/app/use.py": USE.format("app.db"),
    "backend/app/api/__init__.py": "",
    "backend/app/api/routes.py": "from app import db\nfrom app.db import get_db\n"
    "async def use():\n    async with get_db(), db.get_db(): ...\n",
    "tests/test_use.py": USE.format("backend.app.db") + "from backend.app import use as other\n",
    "tests/test_more.py": USE.format("backend.app.db"),
    "tools/manage.py": "import redis.client\nimport backend.app.db as db\n"
    "async def use():\n    async with db.get_db(): ...\n",
}
FOUND: Final = [
    ("backend/app/api/routes.py", 4),
    ("backend/app/api/routes.py", 4),
    ("backend/app/use.py", 3),
    ("tests/test_more.py", 3),
    ("tests/test_use.py", 3),
    ("tools/manage.py", 4),
]


def found(report: Report) -> list[tuple[str, int]]:
    return sorted((each.path, each.span.line) for each in report.findings)


@pytest.mark.parametrize("inside", [False, True], ids=["namespace", "package"])
def test_both_names_lead_to_one_module(tmp_path: Path, *, inside: bool) -> None:
    root = tmp_path / "repository"
    more = {"backend/__init__.py": ""} if inside else {"backend/app/a.py": "import app.use\n" * 9}
    for name, text in {**FILES, **more}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    options = Options(cache_dir=str(tmp_path / "cache"))
    parsed = Options(cache_dir=str(tmp_path / "parsed"), engine=Engine.PARSED)
    assert found(check(["."], options, directory=str(root))) == FOUND
    assert found(check(["."], parsed, directory=str(root))) == FOUND
    (root / "backend/app/db.py").write_text(MANAGER)
    report = check(["."], options, directory=str(root))
    assert found(report) == []
    assert report.problems == []
