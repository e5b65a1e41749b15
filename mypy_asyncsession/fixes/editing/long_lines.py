"""Lines that a fix made too long for the project, broken as its formatter would break them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from mypy_asyncsession.config import upwards
from mypy_asyncsession.reading import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

#: The line length of ruff and black where nothing is said.
DEFAULT: Final = 88

_FILES: Final = (".ruff.toml", "ruff.toml", "pyproject.toml")


def longest(directory: str) -> int:
    """How many characters a line may have in the project that a directory belongs to."""
    for folder in upwards(directory):
        for name in _FILES:
            found = _said(folder / name)
            if found is not None:
                return found
    return DEFAULT


def _said(path: Path) -> int | None:
    try:
        read: dict[str, Any] = tomllib.loads(read_text(path))
    except (OSError, ValueError):
        return None
    tables: list[Any] = [read]
    if path.name == "pyproject.toml":
        tool = read.get("tool", {})
        tables = [tool.get("ruff"), tool.get("black")] if isinstance(tool, dict) else []
    for table in tables:
        length = table.get("line-length") if isinstance(table, dict) else None
        if isinstance(length, int):
            return length
    return None


def broken(module: cst.Module, before: str, limit: int) -> cst.Module:
    """A module in which no import and no ``with`` is too long that was not so before.

    Args:
        module: The module.
        before: Its code before the fixes.
        limit: How many characters a line may have.
    """
    known = set(before.split("\n"))
    lines = module.code.split("\n")
    long = {
        number
        for number, line in enumerate(lines, 1)
        if len(line.rstrip("\r")) > limit and line not in known and "#" not in line
    }
    if not long:
        return module
    wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
    positions = wrapper.resolve(PositionProvider)
    chosen = {
        id(node)
        for node, found in positions.items()
        if isinstance(node, (cst.ImportFrom, cst.WithItem))
        and found.start.line == found.end.line
        and found.start.line in long
    }
    return module.visit(_Breaker(chosen, module.default_indent))


class _Breaker(cst.CSTTransformer):
    """Breaks lines inside of brackets."""

    def __init__(self, chosen: Container[int], indent: str) -> None:
        super().__init__()
        self._chosen = chosen
        self._further = _newline(indent)
        self._back = _newline("")

    def leave_ImportFrom(  # noqa: N802
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom:
        names = updated_node.names
        if id(original_node) not in self._chosen or isinstance(names, cst.ImportStar):
            return updated_node
        one_a_line = [
            each.with_changes(
                comma=cst.Comma(whitespace_after=self._back if each is names[-1] else self._further)
            )
            for each in names
        ]
        return updated_node.with_changes(
            lpar=cst.LeftParen(whitespace_after=self._further),
            names=one_a_line,
            rpar=cst.RightParen(),
        )

    def leave_WithItem(  # noqa: N802
        self, original_node: cst.WithItem, updated_node: cst.WithItem
    ) -> cst.WithItem:
        if id(original_node) not in self._chosen:
            return updated_node
        return updated_node.with_changes(item=self._called(updated_node.item))

    def _called(self, expression: cst.BaseExpression) -> cst.BaseExpression:
        """A call with its arguments on a line of their own."""
        if isinstance(expression, cst.Await):
            return expression.with_changes(expression=self._called(expression.expression))
        if not isinstance(expression, cst.Call):
            return expression
        if not expression.args:
            return expression.with_changes(func=self._called(expression.func))
        last = expression.args[-1].with_changes(
            comma=cst.MaybeSentinel.DEFAULT, whitespace_after_arg=self._back
        )
        return expression.with_changes(
            whitespace_before_args=self._further, args=[*expression.args[:-1], last]
        )


def _newline(indent: str) -> cst.ParenthesizedWhitespace:
    return cst.ParenthesizedWhitespace(indent=True, last_line=cst.SimpleWhitespace(indent))
