"""Fixes: what becomes of a file, what is left, and that nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.options import Options as CheckOptions
from mypy_asyncsession.findings import Finding, Held, Misuse, Span, Yields, decode
from mypy_asyncsession.fixes import FIXES
from mypy_asyncsession.fixes.editing.draft import applied
from mypy_asyncsession.fixes.editing.source_file import SourceFile
from mypy_asyncsession.fixes.editing.source_tree import Tree
from mypy_asyncsession.fixes.engine.apply import write_all
from mypy_asyncsession.fixes.engine.driver import Options, fix
from mypy_asyncsession.fixes.engine.guard import Guard
from mypy_asyncsession.fixes.fix import Site, Style
from tests.harness.fix_data import MendCase, read_mends

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_asyncsession.fixes.engine.result import Result

CASES = read_mends()


@dataclass(frozen=True)
class Fixed:
    """The cases that share their options, fixed in one go, and once more."""

    folder: Path
    first: Result
    second: Result


class Folder:
    """Writes files, and fixes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self._cache = folder / "cache"

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def fix(
        self, style: str = "context-manager", *, unsafe: bool = False, path: str = "."
    ) -> Result:
        guard = Guard(str(self.folder))
        check = CheckOptions(cache_dir=str(self._cache), workers=0)
        result = fix([path], guard, Options(check, style=Style(style), unsafe=unsafe))
        _, problems = write_all(result.edited, str(self.folder), None)
        assert not problems
        return result


@pytest.fixture(scope="module")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Fixed]:
    """All cases, by their options."""
    runs: dict[tuple[str, bool], Fixed] = {}
    for style, unsafe in sorted({(case.style, case.unsafe) for case in CASES}):
        folder = Folder(tmp_path_factory.mktemp("fix"))
        for case in CASES:
            if (case.style, case.unsafe) == (style, unsafe):
                folder.write(f"{case.name}/__init__.py", "")
                for name, text in case.before.items():
                    folder.write(f"{case.name}/{name}", text)
        first = folder.fix(style, unsafe=unsafe)
        second = folder.fix(style, unsafe=unsafe)
        runs[style, unsafe] = Fixed(folder.folder, first, second)
    return runs


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: MendCase, fixed: dict[tuple[str, bool], Fixed]) -> None:
    run = fixed[case.style, case.unsafe]
    package = run.folder / case.name
    for name, text in case.expected().items():
        assert (package / name).read_text(encoding="utf-8") == text
        compile(text, name, "exec")
    reasons = [
        outcome.reason or ""
        for outcome in run.second.left
        if outcome.finding.path.startswith(f"{case.name}/")
    ]
    assert len(reasons) == len(case.left), reasons
    for words in case.left:
        assert any(words in reason for reason in reasons), reasons


def test_fixing_twice_changes_nothing_more(fixed: dict[tuple[str, bool], Fixed]) -> None:
    for run in fixed.values():
        assert not run.second.fixed
        assert not run.second.edited
        assert len(run.first.left) == len(run.second.left)


def test_each_case_says_what_it_expects() -> None:
    assert len(CASES) > 50
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.after.keys() <= case.before.keys() for case in CASES)
    silent = [case.name for case in CASES if not case.after and not case.left]
    assert sorted(silent) == [
        "entering_failure_that_is_meant",
        "entering_right_uses",
        "entering_silenced_is_silenced",
    ]


def test_an_annotation_is_written_with_its_imports() -> None:
    text = (
        "import os\n\n\nclass Database:\n"
        "    async def session(self, name='x'):  # why\n        yield 1\n"
    )
    misuse = Misuse(
        "Getter",
        annotation="AsyncIterator[AsyncSession]",
        imports=(("collections.abc", "AsyncIterator"), ("sqlalchemy.ext.asyncio", "AsyncSession")),
    )
    finding = Finding("a.py", Span(5, 4, 5, 5), "session-getter", "", None, None, misuse)
    source = SourceFile("a.py", text.encode())
    tree = Tree(lambda _path: text.encode(), {"a.py": "a"})
    fix = next(fix for fix in FIXES if fix.fits(finding, misuse))
    draft = fix.draft(Site(finding, misuse, source, tree))
    assert applied([draft])[source].decode() == (
        "import os\n"
        "from collections.abc import AsyncIterator\n"
        "\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n"
        "\n"
        "\n"
        "class Database:\n"
        "    async def session(self, name='x') -> AsyncIterator[AsyncSession]:  # why\n"
        "        yield 1\n"
    )


_INJECTED = """\
from contextlib import asynccontextmanager
from collections.abc import AsyncIterator

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession


@asynccontextmanager
async def get_db() -> AsyncIterator[AsyncSession]:
    yield AsyncSession()


async def handler(db: AsyncSession = Depends(get_db)) -> None: ...
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("manual.md", "Scripts say `async with get_db() as db`."),
        ("scripts/notebook.ipynb", '{"source": "async with get_db() as db: ..."}'),
        ("broken.py", "async with get_db() as db:\n"),
        ("other.py", "from app import *\n\nprint(get_db)\n"),
    ],
)
def test_a_decorator_stays_where_others_may_need_it(tmp_path: Path, path: str, text: str) -> None:
    folder = Folder(tmp_path)
    folder.write("app.py", _INJECTED)
    folder.write(path, text)
    assert folder.fix().fixed
    after = (folder.folder / "app.py").read_text(encoding="utf-8")
    assert "@asynccontextmanager\nasync def get_db" in after
    assert "Depends(get_db_dependency)" in after


def test_a_decorator_goes_where_nobody_needs_it(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("app.py", _INJECTED)
    folder.write("manual.md", "What get_db_url is for.")
    folder.write(".venv/pyvenv.cfg", "")
    folder.write(".venv/lib/manual.md", "get_db")
    assert folder.fix().fixed
    lines = _INJECTED.splitlines(keepends=True)
    after = (folder.folder / "app.py").read_text(encoding="utf-8")
    assert after == "".join(line for line in lines if "asynccontextmanager" not in line)


_OVERRIDING = {
    "seen": "app.dependency_overrides[get_db] = fake\n",
    "helper": (
        "def override(dependency, other):\n"
        "    app.dependency_overrides[dependency] = other\n\n\n"
        "override(get_db, fake)\n"
    ),
    "patched": (
        "def test_it(monkeypatch):\n"
        "    monkeypatch.setitem(app.dependency_overrides, get_db, fake)\n"
    ),
    "merged": "app.dependency_overrides |= {get_db: fake}\n",
}


def test_a_dependency_stays_where_what_overrides_it_would_no_longer_apply(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    called = "\n\nasync def work() -> None:\n    async with get_db() as db:\n        print(db)\n"
    for name, overriding in (_OVERRIDING | {"elsewhere": _OVERRIDING["seen"]}).items():
        root = "tests" if name == "elsewhere" else f"src/{name}"
        header = f"from {name}.app import app, get_db\n\n\ndef fake(): ...\n\n\n"
        texts = {
            f"src/{name}/__init__.py": "",
            f"src/{name}/app.py": "from fastapi import FastAPI\n" + _INJECTED + called,
            f"{root}/test_app.py": header + overriding,
        }
        for path, text in texts.items():
            provider = "get_session" if name == "elsewhere" else "get_db"
            folder.write(path, text.replace("get_db", provider))
    result = folder.fix(path="src")
    assert {each.path for each in result.edited} == {"src/seen/app.py", "src/seen/test_app.py"}
    reasons = {each.finding.path.split("/")[1]: each.reason for each in result.left}
    assert reasons.pop("elsewhere") == (
        '"tests/test_app.py" overrides it, and is not among the files to fix'
    )
    assert reasons == {
        name: f'"src/{name}/test_app.py" may override it in a way that the fix does not cover'
        for name in ("helper", "patched", "merged")
    }


def test_a_scope_stays_where_others_depend_on_the_provider_too(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write(
        "src/app.py",
        "from fastapi import Depends\n"
        "from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker\n\n"
        "Maker = async_sessionmaker()\n\n\n"
        "async def get_late():\n"
        "    async with Maker() as session:\n"
        "        yield session\n"
        "        await session.commit()\n\n\n"
        "async def one(db: AsyncSession = Depends(get_late)) -> None: ...\n",
    )
    folder.write("jobs/job.py", "import app\n\n\nasync def job(db=Depends(app.get_late)): ...\n")
    left = folder.fix(path="src").left
    assert [each.reason for each in left] == [
        '"jobs/job.py" depends on it as well, and is not among the files to fix'
    ]
    folder.write("jobs/job.py", "from app import get_late\n\nprint(get_late)\n")
    assert not folder.fix(path="src").left


def test_a_misuse_is_the_same_after_the_cache() -> None:
    held = Held("COROUTINE", 16, resource=True)
    misuse = Misuse("Use", "AWAIT", "f()", "f", (held,), yields=Yields(True, swallows=True))
    finding = Finding("a.py", Span(1, 0, 1, 3), "session-await", "m", "h", None, misuse)
    assert decode("a.py", finding.span, "session-await", finding.encode()) == finding


def test_what_is_there_already_is_depended_on(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("backend/main.py", "from app.api.routes import handler\n\nprint(handler)\n")
    folder.write(
        "backend/app/db/session.py",
        "from contextlib import asynccontextmanager\n\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n\n\n"
        "@asynccontextmanager\n"
        "async def get_session():\n    yield AsyncSession()\n\n\n"
        "async def get_db():\n"
        '    """A session."""\n'
        "    async with get_session() as db:\n        yield db\n",
    )
    routes = (
        "from fastapi import Depends\nfrom sqlalchemy.ext.asyncio import AsyncSession\n\n"
        "from app.db.session import get_session\n\n\n"
        "async def handler(db: AsyncSession = Depends(get_session)) -> None:\n"
        "    await db.flush()\n\n\n"
        "async def work() -> None:\n    await handler()\n"
    )
    folder.write("backend/app/api/routes.py", routes)
    result = folder.fix()
    assert sorted(outcome.finding.code for outcome in result.fixed) == [
        "session-depends",
        "session-depends",
    ]
    assert not result.left
    after = (folder.folder / "backend/app/api/routes.py").read_text(encoding="utf-8")
    # What calls the handler outside of FastAPI enters the same one.
    entered = "    async with asynccontextmanager(get_db)() as db:\n        await handler(db=db)\n"
    expected = routes.replace("get_session", "get_db").replace("    await handler()\n", entered)
    assert after == f"from contextlib import asynccontextmanager\n\n{expected}"
