"""Sources that nobody would write: the engine goes through them all, and says when it cannot.

``ASYNCSESSION_GENERATED=5000`` makes that many examples, each written as it is and with providers
in place of some of its names.
"""

from __future__ import annotations

import keyword
import os
import random
import re
import warnings
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from mypy_asyncsession.checking.options import Options
from mypy_asyncsession.checking.run import check
from mypy_asyncsession.codes import PARENT

if TYPE_CHECKING:
    from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import hypothesmith

EXAMPLES = int(os.environ.get("ASYNCSESSION_GENERATED", "60"))
PROVIDERS = """\
from contextlib import asynccontextmanager
from sqlalchemy.ext.asyncio import async_sessionmaker

Maker = async_sessionmaker()


async def get_db():
    async with Maker() as session:
        yield session


@asynccontextmanager
async def manage():
    async with Maker() as session:
        yield session
"""
PREAMBLE = "from providers import Maker, get_db, manage\nfrom fastapi import Depends\n"
NAMES = ["Maker", "get_db", "manage", "get_db()", "manage()", "Depends(manage)", "Depends(get_db)"]


def _salted(source: str, number: int) -> str:
    """*source* with providers in place of some of its names."""
    chance = random.Random(number)

    def replaced(match: re.Match[str]) -> str:
        if keyword.iskeyword(match[0]) or chance.random() < 0.7:
            return match[0]
        return chance.choice(NAMES)

    return re.sub(r"\b[A-Za-z_]\w*\b(?=\s*[),\]:])", replaced, source)


def _is_valid(source: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(source, "generated", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


@pytest.mark.filterwarnings("ignore")
def test_no_source_is_too_strange(tmp_path: Path) -> None:
    written = 0

    @seed(0)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(hypothesmith.from_node())
    def write(source: str) -> None:
        nonlocal written
        for variant in filter(_is_valid, (source, _salted(source, written))):
            text = PREAMBLE + variant
            (tmp_path / f"generated_{written}.py").write_text(text, encoding="utf-8")
            written += 1

    write()
    (tmp_path / "providers.py").write_text(PROVIDERS)
    report = check(["."], Options(cache_dir=str(tmp_path / "cache")), directory=str(tmp_path))
    assert written >= EXAMPLES
    assert not [finding for finding in report.findings if finding.code == PARENT]
    # mypy itself refuses a few that Python accepts.
    assert report.checked >= written * 0.95
