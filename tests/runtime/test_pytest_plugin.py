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


def run(project: Path, *options: str, status: int | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", *options],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert status is None or done.returncode == status
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


LATE = """
import asyncio
import gc
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

runs = []
kept = []

async def opened(tmp_path):
    session = AsyncSession(create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/test.db"))
    await session.execute(text("select 1"))
    return session

def test_fails_the_first_time(tmp_path):
    runs.append(1)
    session = asyncio.run(opened(tmp_path))
    cycle = [session]
    cycle.append(cycle)
    assert len(runs) == 2
    asyncio.run(session.close())

def test_that_comes_next():
    gc.collect()

def test_leaves_it_to_a_later_one(tmp_path):
    kept.append(asyncio.run(opened(tmp_path)))

def test_that_drops_it():
    kept.clear()
    gc.collect()
"""

RERUN = """
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    reports = runtestprotocol(item, nextitem=nextitem, log=False)
    if any(report.failed for report in reports):
        item._initrequest()
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


def test_the_test_that_made_it_is_blamed(project: Path) -> None:
    (project / "test_app.py").write_text(LATE, encoding="utf-8")
    output = run(project, "--session-leaks=error", "-W", "ignore")
    # What a failed test holds is freed when the next one begins.
    assert "FAILED test_app.py::test_fails_the_first_time - assert 1 == 2" in output
    assert output.count("FAILED") == 1
    assert "3 passed" in output
    late = output.partition("session leaks that were found after their test")[2]
    late = late.partition(" PASSES ")[0].partition(" short test summary ")[0]
    assert "test_app.py::test_fails_the_first_time: a " in late
    assert "test_app.py::test_leaves_it_to_a_later_one: a " in late
    assert "test_that" not in late

    (project / "conftest.py").write_text(RERUN, encoding="utf-8")
    output = run(project, "--session-leaks=error", "-W", "ignore", "-k", "not later_one")
    assert "3 passed" in output


def test_a_late_leak_fails_the_run(project: Path) -> None:
    (project / "test_app.py").write_text(LATE, encoding="utf-8")
    output = run(
        project, "--session-leaks=error", "-W", "ignore", "-k", "later_one or drops_it", status=1
    )
    assert "2 passed" in output
    assert "test_leaves_it_to_a_later_one: a " in output


SHARED = """
import asyncio
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

async def use(tmp_path, tasks):
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/test.db")
    async with AsyncSession(engine) as session:
        async def one():
            await session.execute(text("select 1"))
        await asyncio.gather(*(one() for _ in range(tasks)), return_exceptions=True)
    await engine.dispose()

def test_shares(tmp_path):
    asyncio.run(use(tmp_path, 2))

def test_does_not_share(tmp_path):
    asyncio.run(use(tmp_path, 1))
"""


def test_sessions_that_tasks_share(project: Path) -> None:
    (project / "test_app.py").write_text(SHARED, encoding="utf-8")
    output = run(project, "--session-tasks=error")
    assert 'FAILED test_app.py::test_shares - Failed: test_app.py:11: a "Session" is used' in output
    assert "PASSED test_app.py::test_does_not_share" in output


EMPTY = "import sqlalchemy.ext.asyncio\n" + "".join(
    f"def test_{number}():\n    pass\n" for number in range(300)
)


def test_tests_without_a_session_cost_nothing(project: Path) -> None:
    """What the collector does is most of the time that a test could take longer."""
    (project / "conftest.py").write_text(
        "import gc\n"
        "seen = []\n"
        "gc.callbacks.append(lambda phase, info: seen.append(info['generation']))\n"
        "def pytest_runtest_logstart():\n"
        "    global begun\n"
        "    begun = globals().get('begun', len(seen))\n"
        "def pytest_terminal_summary(terminalreporter):\n"
        "    full = seen[begun:].count(2)\n"
        "    terminalreporter.line(f'{full} full collections')\n"
    )
    (project / "test_app.py").write_text(EMPTY, encoding="utf-8")
    output = run(project, "--session-leaks=error", "--session-tasks=error")
    assert "300 passed" in output
    (line,) = (line for line in output.splitlines() if line.endswith(" full collections"))
    assert int(line.split()[0]) < 20
