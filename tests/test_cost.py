"""What a check costs of modules that are long in one way or another: no more than in proportion."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

Maker: async_sessionmaker[AsyncSession] = async_sessionmaker()


async def f() -> None:
"""
BLOCK = """\
    async with Maker() as s{number}:
        await s{number}.flush()
"""


def _spent(folder: Path, text: str) -> float:
    """The time of the processor, in seconds, that a cold check of a module takes."""
    (folder / "module.py").write_text(text)
    begun = os.times()
    run = subprocess.run(
        [sys.executable, "-m", "mypy_asyncsession", "check", "module.py", "--workers", "0"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    ended = os.times()
    assert run.returncode == 0, run.stdout + run.stderr
    return ended.children_user - begun.children_user


def test_two_thousand_blocks_in_one_function(tmp_path: Path) -> None:
    blocks = "".join(BLOCK.format(number=number) for number in range(2_000))
    # A thousand took 25, and twice as many four times that, when each looked at all that follow.
    assert _spent(tmp_path, HEAD + blocks) < 45


@pytest.mark.long
@pytest.mark.parametrize("names", ["one", "many"])
def test_five_thousand_blocks_in_one_function(tmp_path: Path, names: str) -> None:
    blocks = "".join(
        BLOCK.format(number=number if names == "many" else "") for number in range(5_000)
    )
    assert _spent(tmp_path, HEAD + blocks) < 100
