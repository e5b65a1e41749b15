"""``pytest --session-leaks``, in a project of its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.runtime import pytest_plugin

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import asyncio
import pytest

async def get_db():
    from sqlalchemy.ext.asyncio import AsyncSession
    async with AsyncSession() as session:
        yield session

async def leak():
    async for session in get_db():
        return session

def test_leaks():
    asyncio.run(leak())

def test_is_right():
    async def use():
        async for session in get_db():
            pass
    asyncio.run(use())

def test_leaks_and_fails():
    asyncio.run(leak())
    assert False, "of something else"

@pytest.fixture
def leaking():
    yield
    asyncio.run(leak())

def test_with_a_leaking_fixture(leaking):
    pass

def test_never_closes(tmp_path):
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async def use():
        session = AsyncSession(create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/test.db"))
        await session.execute(text("select 1"))
    asyncio.run(use())
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "test_app.py").write_text(TESTS, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def run(project: Path, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *options],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


def test_error(project: Path) -> None:
    output = run(project, "--session-leaks=error")
    for line in (
        "FAILED test_app.py::test_leaks - Failed: the generator of",
        "PASSED test_app.py::test_is_right",
        "FAILED test_app.py::test_leaks_and_fails - AssertionError: of something else",
        "PASSED test_app.py::test_with_a_leaking_fixture",
        "ERROR test_app.py::test_with_a_leaking_fixture - Failed: the generator of",
        "FAILED test_app.py::test_never_closes - Failed: a ",
    ):
        assert line in output
    assert "test_app.py:11, was left to the garbage collector" in output.replace("begun at ", "")
    # A test that fails of something else says both.
    assert "session leaks" in output


def test_warn(project: Path) -> None:
    output = run(project, "--session-leaks=warn", "--deselect=test_app.py::test_leaks_and_fails")
    assert "4 passed" in output
    assert "test_app.py:11: SessionLeakWarning: the generator of" in output
    output = run(project, "--session-leaks=warn", "-W", "error", "-k", "test_leaks or right")
    assert "FAILED test_app.py::test_leaks - mypy_asyncsession.runtime" in output
    assert "PASSED test_app.py::test_is_right" in output


def test_nothing_without_the_option(project: Path) -> None:
    (project / "test_app.py").write_text(
        "import sys\n"
        "def test_it_costs_nothing():\n"
        "    assert 'mypy_asyncsession.runtime.pytest_plugin' in sys.modules\n"
        "    for name in ('runtime.leaks', 'runtime.monitor', 'config', 'rules'):\n"
        "        assert f'mypy_asyncsession.{name}' not in sys.modules\n"
        "    assert not {'mypy', 'libcst', 'click', 'sqlalchemy', 'fastapi'} & set(sys.modules)\n"
        "    assert type(sys.set_asyncgen_hooks).__name__ == 'builtin_function_or_method'\n"
    )
    assert "1 passed" in run(project)


def test_resources_in_the_settings(project: Path) -> None:
    (project / "test_app.py").write_text(
        "import asyncio\n"
        "class Own: pass\n"
        "async def get_own():\n"
        "    own = Own()\n"
        "    yield own\n"
        "def test_leaks():\n"
        "    async def use():\n"
        "        async for own in get_own():\n"
        "            break\n"
        "    asyncio.run(use())\n"
    )
    assert "1 passed" in run(project, "--session-leaks=error")
    assert "1 failed" in run(
        project, "--session-leaks=error", "-o", "session_leaks_resources=test_app.Own"
    )
    assert "is not the full name of a class" in run(
        project, "--session-leaks=error", "-o", "session_leaks_resources=Own"
    )


def test_the_warning_is_one() -> None:
    assert issubclass(pytest_plugin.SessionLeakWarning, Warning)
