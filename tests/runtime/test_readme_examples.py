"""The examples of the section "At run time" of the README, and of its page, do what they say."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from mypy_asyncsession import runtime
from tests.harness.workspace import TEST_DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the examples take for granted.
PREAMBLE = """\
from collections.abc import AsyncIterator
import asyncio
from contextlib import asynccontextmanager
from typing import Annotated
import gc
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.testclient import TestClient
from sqlalchemy import literal, select, text
from sqlalchemy.ext.asyncio import (
    AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine,
)

app = FastAPI()
engine = create_async_engine("sqlite+aiosqlite://")
new_session = async_sessionmaker(engine)
"""


def examples() -> str:
    text = (TEST_DATA.parent / "README.md").read_text(encoding="utf-8")
    section = text[text.index("## At run time") : text.index("## Requirements")]
    return "\n".join(code_in(section))


def code_in(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def example() -> Iterator[dict[str, Any]]:
    """What the examples define, executed one after the other as a module."""
    module: Any = type(sys)("readme_example")
    sys.modules[module.__name__] = module
    exec(compile(PREAMBLE + examples(), "README.md", "exec"), vars(module))
    yield vars(module)
    del sys.modules[module.__name__]


def test_a_request(example: dict[str, Any]) -> None:
    assert TestClient(example["app"]).post("/orders/7").json() == "7"


def test_outside_of_a_request(example: dict[str, Any]) -> None:
    asyncio.run(example["nightly"]())
    assert asyncio.run(example["nightly_of_a_tenant"]()) == "nobody"
    example["app"].state.tenant = "acme"
    assert asyncio.run(example["nightly_of_a_tenant"]()) == "acme"


def test_two_tasks(example: dict[str, Any]) -> None:
    (text,) = asyncio.run(example["two_at_once"]())
    assert re.match(r"README\.md:\d+: a \"Session\" is used by a second task", text)


def test_a_wrong_call(example: dict[str, Any]) -> None:
    message = asyncio.run(example["wrong"]())
    assert re.match(
        r'"find" takes "session: AsyncSession" and got the async context manager of "get_db" '
        r'\(README\.md:\d+\): enter it: "async with get_db\(\.\.\.\) as session"',
        message,
    )


def test_in_production(example: dict[str, Any]) -> None:
    with TestClient(example["guarded"]) as client:
        answer = {"misuses": 0, "quiet days": 0, "open for 5 s": 0}
        assert client.get("/health").json() == answer


def test_in_a_test(example: dict[str, Any]) -> None:
    example["test_dependencies"]()


def test_a_test_that_is_rolled_back(example: dict[str, Any]) -> None:
    asyncio.run(example["test_pay"]())


@pytest.mark.filterwarnings("ignore:The garbage collector", "ignore:coroutine:RuntimeWarning")
def test_the_page(example: dict[str, Any]) -> None:
    """Its examples go on where those of the README end; each asserts what it says."""
    page = (Path(runtime.__file__).parent / "README.md").read_text(encoding="utf-8")
    for number, code in enumerate(code_in(page)):
        exec(compile(code, f"README.md example {number}", "exec"), example)
    for name in ("provider", "session_scope", "validate_session", "audit_app", "rolled_back"):
        assert f"`{name}`" in page
    for name in ("SessionGuardMiddleware", "LeakDetector", "SessionMonitor", "TaskDetector"):
        assert f"## `{name}`" in page


@pytest.mark.parametrize("checker", ["mypy --strict", f"pyright --pythonpath {sys.executable}"])
def test_type_checkers_agree(checker: str, tmp_path: Path) -> None:
    """Only the calls that the runtime refuses are wrong: mypy would reject a needless comment."""
    page = (Path(runtime.__file__).parent / "README.md").read_text(encoding="utf-8")
    module = tmp_path / "examples.py"
    module.write_text("\n".join([PREAMBLE, examples(), *code_in(page)]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", *checker.split(), module.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_public_name_has_its_example() -> None:
    text = examples()
    types_only = {
        "AsyncProvided", "AsyncProvider", "DependencyProblem", "Leak", "Misuse", "OpenSession",
        "PoolUse", "SharedSession", "Summary", "SyncProvided", "SyncProvider",
    }  # fmt: skip
    for name in set(runtime.__all__) - types_only:
        assert re.search(rf"\b{name}\b", text), name
