"""Overlays, as users have them: a directory of stubs beside the sources, and mypy run on these."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check

if TYPE_CHECKING:
    from pathlib import Path

SOURCES: Final = {
    "shop/__init__.py": "",
    "shop/db.py": """\
from contextlib import asynccontextmanager
import registry

async def get_db():
    yield registry.session()

def getter():
    return registry.get()

@asynccontextmanager
async def manage():
    yield registry.session()

def misread() -> object:
    return registry.get()

class Base:
    async def session(self):
        yield registry.session()

class Manager(Base):
    def other(self):
        return registry.other()

    @staticmethod
    @asynccontextmanager
    async def managed(name):
        yield registry.session()

def unnamed():
    return registry.get()
""",
    "shop/use.py": """\
import sqlalchemy.ext.asyncio
from shop import db

async def use(manager: db.Manager) -> None:
    reveal_type(db.get_db())
    reveal_type(db.getter())
    reveal_type(db.manage())
    reveal_type(db.misread())
    reveal_type(manager.session())
    reveal_type(await manager.other())
    reveal_type(db.Manager.managed("a"))
    reveal_type(db.unnamed())
    async with manager.session() as session:
        reveal_type(session)
    async for session in db.getter():
        reveal_type(session)
""",
    "stubs/shop-stubs/py.typed": "partial\n",
    "stubs/shop-stubs/__init__.pyi": "",
    "stubs/shop-stubs/db.pyi": """\
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Optional
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy import ext

def __getattr__(name: str) -> Any: ...
def get_db() -> AsyncGenerator[AsyncSession, None]: ...
def getter() -> AbstractAsyncContextManager[AsyncSession]: ...
@asynccontextmanager
def manage() -> AsyncGenerator[AsyncSession, None]: ...
def misread() -> AsyncSession: ...

class Base(Any):
    def __getattr__(self, name: str) -> Any: ...
    def session(self) -> AsyncGenerator[AsyncSession, None]: ...

class Manager(Base):
    async def other(self) -> Optional[AsyncSession]: ...
    @staticmethod
    @asynccontextmanager
    def managed(name: str) -> AsyncGenerator[AsyncSession | None, None]: ...
""",
    "pyproject.toml": """\
[tool.mypy]
plugins = ["mypy_asyncsession.plugin"]
ignore_missing_imports = true
[tool.mypy-asyncsession]
overlays = ["stubs"]
""",
}
_SESSION: Final = "sqlalchemy.ext.asyncio.session.AsyncSession"
_FLAGS: Final = ("--no-error-summary",)
REVEALED: Final = [
    f"typing.AsyncGenerator[{_SESSION}, None]",
    f"contextlib.AbstractAsyncContextManager[{_SESSION}, bool | None]",
    f"contextlib._AsyncGeneratorContextManager[{_SESSION}, None]",
    _SESSION,
    f"typing.AsyncGenerator[{_SESSION}, None]",
    f"{_SESSION} | None",
    f"contextlib._AsyncGeneratorContextManager[{_SESSION} | None, None]",
    "Any",
    _SESSION,
    _SESSION,
]


class Project:
    """A project with an overlay, and a cache that outlasts its runs."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root = root
        self.cache = cache
        for name, text in SOURCES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def stub(self, old: str, new: str) -> None:
        """Change the stub of ``shop.db``."""
        text = (self.root / "stubs/shop-stubs/db.pyi").read_text(encoding="utf-8")
        assert old in text
        self.write("stubs/shop-stubs/db.pyi", text.replace(old, new))

    def mypy(self, *flags: str) -> list[str]:
        done = subprocess.run(
            (sys.executable, "-m", "mypy", "--cache-dir", str(self.cache), *_FLAGS, *flags, "shop"),
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in (0, 1), done.stdout + done.stderr
        return done.stdout.splitlines()

    def check(self) -> list[str]:
        report = check(
            ["shop"], Options(cache_dir=str(self.cache / "ours")), directory=str(self.root)
        )
        assert not report.problems
        return [f"{f.path}:{f.span.line} {f.code} {f.message}" for f in report.findings]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is known of SQLAlchemy serves all of the projects."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path: Path, cache: Path) -> Project:
    return Project(tmp_path, cache)


def revealed(lines: list[str]) -> list[str]:
    return [line.split('"')[1] for line in lines if "Revealed type" in line]


def test_types_are_applied_to_sources_in_the_run(project: Project) -> None:
    """Cold, warm and with workers; the definition of a change reaches each of them."""
    assert revealed(project.mypy()) == REVEALED
    assert revealed(project.mypy()) == REVEALED
    project.stub(
        "def getter() -> AbstractAsyncContextManager[AsyncSession]",
        "def getter() -> AsyncGenerator[AsyncSession, None]",
    )
    changed = [REVEALED[0] if n == 1 else type_ for n, type_ in enumerate(REVEALED)]
    lines = project.mypy("-n", "2")
    assert revealed(lines) == changed
    assert not any("session-iter" in line for line in lines)


def test_findings_follow_from_an_overlay(project: Project) -> None:
    found = project.check()
    assert [" ".join(line.split()[:2]) for line in found] == [
        "shop/use.py:13 session-with",
        "shop/use.py:15 session-iter",
    ]
    assert '"manager.session" is an async generator' in found[0]
    assert '"db.getter" is an async context manager' in found[1]
    project.stub(
        "def getter() -> AbstractAsyncContextManager[AsyncSession]",
        "def getter() -> AsyncGenerator[AsyncSession, None]",
    )
    assert len(project.check()) == 1


MISFITS: Final = {
    'no "gone"': ("def get_db()", "def gone() -> AsyncSession: ...\ndef get_db()"),
    'has no "othr"': ("async def other", "async def othr"),
    'has no class "Managr"': ("class Manager(Base)", "class Managr(Base)"),
    "is an async generator, and is declared as an async context manager": (
        "def get_db() -> AsyncGenerator[AsyncSession, None]",
        "def get_db() -> AbstractAsyncContextManager[AsyncSession]",
    ),
    "is an async context manager, and is declared as an async generator": (
        "@asynccontextmanager\ndef manage()",
        "def manage()",
    ),
    "is an async generator, and is declared as a coroutine": ("def get_db()", "async def get_db()"),
    "not valid Python": ("def get_db()", "def get_db("),
}


@pytest.mark.parametrize("message", MISFITS)
def test_what_does_not_fit_is_an_error_at_the_stub(project: Project, message: str) -> None:
    old, new = MISFITS[message]
    project.stub(old, new)
    lines = (project.root / "stubs/shop-stubs/db.pyi").read_text().splitlines()
    begin = new.split("\n")[0 if "gone" in new else -1]
    number = next(n for n, line in enumerate(lines, 1) if begin in line)
    found = [line for line in project.check() if ".pyi" in line]
    assert len(found) == 1, found
    assert message in found[0]
    if "valid" in message:
        number = 1
    elif "class" in message:
        number += 1  # where the first thing is that is wanted of the class
    assert found[0].startswith(f"stubs/shop-stubs/db.pyi:{number} async-session ")


def test_mypy_says_so_in_each_run(project: Project) -> None:
    project.stub("async def other", "async def othr")
    for flags in ((), (), ("-n", "2")):
        lines = [line for line in project.mypy(*flags) if "pyi" in line]
        assert lines == [
            'stubs/shop-stubs/db.pyi:19: error: "Manager" has no "othr"  [async-session]',
            'stubs/shop-stubs/db.pyi:19: note: Did you mean "other"?',
        ]


def test_a_module_that_is_not_looked_at_is_not_missed(project: Project) -> None:
    project.write("stubs/elsewhere-stubs/db.pyi", "def get() -> int: ...\n")
    project.write("stubs/shop-stubs/gone.pyi", "def get() -> int: ...\n")
    found = [line for line in project.check() if ".pyi" in line]
    assert found == ['stubs/shop-stubs/gone.pyi:1 async-session There is no module "shop.gone"']


def test_a_directory_that_is_not_there(project: Project) -> None:
    project.write("pyproject.toml", '[tool.mypy-asyncsession]\noverlays = ["typings"]\n')
    with pytest.raises(ValueError, match=r"overlays: .*typings is not a directory"):
        project.check()
