"""``fix`` on a part of a project: what the rest of it may name is left, and it is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy_asyncsession.findings import Finding, Span
from mypy_asyncsession.fixes.engine.result import Edited, Outcome, Result, line_before
from tests.test_fixes import Folder

if TYPE_CHECKING:
    from pathlib import Path

DB = """\
from sqlalchemy.ext.asyncio import async_sessionmaker

one = async_sessionmaker()
two = async_sessionmaker()
three = async_sessionmaker()
four = async_sessionmaker()
"""
MAIN = """\
from fastapi import Depends, FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import four, one, three, two

app = FastAPI(dependencies=[Depends(four)])


@app.get("/1")
async def first(session: AsyncSession = Depends(one)) -> None: ...


@app.get("/2")
async def second(session: AsyncSession = Depends(two)) -> None: ...


@app.get("/3")
async def third(session: AsyncSession = Depends(three)) -> None: ...
"""
OTHER = """\
from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.db import three

router = APIRouter()


@router.get("/4")
async def fourth(session: AsyncSession = Depends(three)) -> None: ...
"""
#: The tests do not name all that they override in the file that overrides it.
TESTS = {
    "tests/conftest.py": (
        "from app.main import app\n\n\n"
        "def use(real, fake):\n    app.dependency_overrides[real] = fake\n"
    ),
    "tests/names.py": "from app.db import two as renamed\n",
    "tests/test_one.py": (
        "from app.db import one\nfrom app.main import three\nfrom tests.conftest import use\n\n\n"
        "def test_it():\n    use(one, list)\n    three()\n"
    ),
    "tests/test_two.py": (
        "from tests.conftest import use\nfrom tests.names import renamed\n\n\n"
        "def test_it():\n    use(renamed, list)\n"
    ),
    "billing/db.py": "three = list\n",
    "billing/test_billing.py": "from billing.db import three\nuse(three, list)\n",
}


def test_what_the_rest_may_name_is_left(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    files = {"app/__init__.py": "", "app/db.py": DB, "app/main.py": MAIN, "app/other.py": OTHER}
    for path, text in {**files, **TESTS}.items():
        folder.write(path, text)
    result = folder.fix(path="app")
    left = {each.finding.message.partition('"')[2].partition('"')[0]: each for each in result.left}
    assert {name: each.reason for name, each in left.items()} == {
        "one": '"tests/test_one.py" may override it, and is not among the files to fix',
        "two": '"tests/test_two.py" may override it, and is not among the files to fix',
    }
    written = {path: (folder.folder / path).read_text() for path in files}
    # One dependency beside the sessionmaker, for both files; nothing is put between the lines.
    assert written["app/db.py"].startswith(
        "from collections.abc import AsyncIterator\n\n"
        "from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker\n\n"
        "one = async_sessionmaker()\ntwo = async_sessionmaker()\nthree = async_sessionmaker()\n"
        "four = async_sessionmaker()\n\n\n"
        "async def three_dependency() -> AsyncIterator[AsyncSession]:\n"
        "    async with three() as session:\n        yield session\n"
    )
    assert written["app/db.py"].count("def ") == 1
    assert "from app.db import three_dependency\n" in written["app/other.py"]
    assert written["app/main.py"].count("def three_dependency") == 0
    # A test imports this name from here.
    assert "import four, one, three, three_dependency, two\n" in written["app/main.py"]
    # Nobody is given what a guard yields, but the file is annotated.
    assert "async def four_dependency() -> AsyncIterator[object]:\n" in written["app/main.py"]


def test_left_lines_are_those_on_disk() -> None:
    old, new = b"a\nb\nc\nd\n", b"x\na\ny\ny\nc\nd\n"
    assert [line_before(old, new, line) for line in (2, 5, 6)] == [1, 3, 4]
    found = Finding("a.py", Span(6, 0, 7, 1), "session-with", "m", None, None)
    result = Result([Edited("a.py", old, new)], left=[Outcome(found, "why")])
    (left,) = result.as_unwritten().left
    assert left.finding == replace(found, span=Span(4, 0, 5, 1))
    (left,) = result.as_written([], []).left
    assert left.finding.span.line == 4
    (left,) = result.as_written(result.edited, []).left
    assert left.finding.span.line == 6
