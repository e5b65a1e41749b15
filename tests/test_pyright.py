"""What pyright knows of a project once ``fix`` has written the annotations of its getters."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

FILES: Final = {
    "app/__init__.py": "",
    "app/db.py": """\
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

new_session = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"))
LIMIT = 50


class Repository:
    def __init__(self, session: AsyncSession) -> None:
        self.session = session

    def size(self):
        return LIMIT


async def get_db():
    async with new_session() as session:
        yield session


def current_db() -> Any:
    return get_db()


def limits(first: int, second=2):
    return {"first": first, "second": second}
""",
    "app/use.py": """\
from app.db import LIMIT, Repository, current_db, get_db, limits, new_session

reveal_type(LIMIT)
reveal_type(Repository.size)
reveal_type(limits(1))
reveal_type(new_session)
reveal_type(get_db())
reveal_type(current_db())
LIMIT.upper()
Repository("no session").size()
limits("one")


async def use() -> None:
    async with current_db() as session:
        await session.commit()
""",
}


def pyright(root: Path) -> tuple[list[str], list[int]]:
    """The types that it shows in the module that uses the others, and the lines of its errors."""
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "app"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)["generalDiagnostics"]
    mine = [each for each in found if each["file"].endswith("use.py")]
    types = [
        re.sub(r'^.*? is "(.*)"$', r"\1", each["message"])
        for each in mine
        if each["severity"] == "information"
    ]
    errors = [each["range"]["start"]["line"] + 1 for each in mine if each["severity"] == "error"]
    return types, sorted(set(errors))


def test_it_knows_more_and_nothing_less(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    types, errors = pyright(tmp_path)
    assert errors == [9, 10, 11]
    assert types[5] == "Any"
    done = subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", "fix", "--only", "session-getter", "app"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    more, found = pyright(tmp_path)
    # What is no getter is as it was; what is one says what it gives, and how it is misused.
    assert more[:4] == types[:4]
    assert more[5] == more[4] == "AsyncGenerator[AsyncSession, None]"
    assert found == [*errors, 15]
