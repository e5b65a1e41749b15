"""Lines that a fix makes longer than the project has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import pytest

from mypy_asyncsession.fixes.editing.long_lines import DEFAULT, broken, longest

if TYPE_CHECKING:
    from pathlib import Path

_AWAITED = "async def f():\n    async with await made()(**given) as x: pass\n"


@pytest.mark.parametrize(
    ("name", "text", "length"),
    [
        ("pyproject.toml", "[tool.ruff]\nline-length = 100\n", 100),
        ("pyproject.toml", "[tool.black]\nline-length = 79\n", 79),
        ("pyproject.toml", "[tool.ruff]\nselect = []\n[tool.black]\nline-length = 79\n", 79),
        ("ruff.toml", "line-length = 120\n", 120),
        ("pyproject.toml", "[project]\nname = 'x'\n", DEFAULT),
        ("pyproject.toml", "line-length = [\n", DEFAULT),
    ],
)
def test_the_length_is_the_one_of_the_formatter(
    tmp_path: Path, name: str, text: str, length: int
) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert longest(str(tmp_path / "src")) == length


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from a.b import first, second\n", "from a.b import (\n    first,\n    second,\n)\n"),
        (
            "if x:\n  with manager(first, second,) as value:\n    pass\n",
            "if x:\n  with manager(\n    first, second\n  ) as value:\n    pass\n",
        ),
        (_AWAITED, _AWAITED.replace("(**given)", "(\n        **given\n    )")),
        ("from a.b import first, second  # why\n", None),
        ("from everything_there_is import *\n", None),
        ("with the_manager_itself as value: pass\n", None),
        ("first_name = second_name + third_name\n", None),
    ],
)
def test_lines_are_broken_in_brackets(before: str, after: str | None) -> None:
    module = cst.parse_module(before)
    assert broken(module, "", 24).code == (after or before)
    assert broken(module, before, 24).code == before
    assert broken(module, "", 99).code == before
