"""The examples on the pages of the rules: the one is rejected, the other is not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.rules import RULES, Rule

if TYPE_CHECKING:
    from pathlib import Path

#: What the examples take for granted.
PREAMBLE = """\
import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from time import perf_counter
from typing import Annotated
from unittest.mock import AsyncMock, MagicMock, patch
from fastapi import Depends, FastAPI
from sqlalchemy import ForeignKey, select, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

app = FastAPI()
SessionLocal = async_sessionmaker(create_async_engine("sqlite+aiosqlite://"))
"""


@pytest.fixture(scope="module")
def codes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What ``check`` finds in each example, all of them checked in one run."""
    folder: Path = tmp_path_factory.mktemp("examples")
    for rule in RULES:
        example, instead = re.findall(r"```python\n(.*?)```", rule.doc, re.DOTALL)
        name = rule.code.replace("-", "_")
        (folder / f"{name}_wrong.py").write_text(PREAMBLE + example)
        # The second leaves out what it shares with the first, so it goes below it.
        (folder / f"{name}_right.py").write_text(PREAMBLE + _shared(example, instead) + instead)
    report = check(
        ["."], Options(cache_dir=str(folder / "cache"), strict=True), directory=str(folder)
    )
    assert not report.problems
    found: dict[str, set[str]] = {path.stem: set() for path in folder.glob("*.py")}
    for finding in report.findings:
        found[finding.path.removesuffix(".py")].add(finding.code)
    return found


def _shared(example: str, instead: str) -> str:
    """The definitions of *example* that *instead* does not write anew."""
    blocks = re.split(r"\n{3,}(?=\S)", example.rstrip() + "\n")
    names = set(re.findall(r"^(?:async )?(?:def|class) (\w+)", instead, re.MULTILINE))
    kept = [
        block
        for block in blocks
        if not names & set(re.findall(r"^(?:async )?(?:def|class) (\w+)", block, re.MULTILINE))
    ]
    return "\n\n\n".join(kept) + "\n\n\n" if kept else ""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_example_is_rejected(rule: Rule, codes: dict[str, set[str]]) -> None:
    assert codes[f"{rule.code.replace('-', '_')}_wrong"] == {rule.code}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_remedy_is_right(rule: Rule, codes: dict[str, set[str]]) -> None:
    assert codes[f"{rule.code.replace('-', '_')}_right"] == set()
