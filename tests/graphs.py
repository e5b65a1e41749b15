"""Control-flow graphs of pieces of source, for tests."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from mypy.errors import Errors
from mypy.nodes import FuncDef, MypyFile
from mypy.options import Options
from mypy.parse import parse

from mypy_asyncsession.semantic.cfg import build

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.cfg import Graph


def tree_of(text: str) -> MypyFile:
    """The tree of a module, only parsed."""
    options = Options()
    return parse(textwrap.dedent(text), "module.py", "module", Errors(options), options, eager=True)


def function_in(text: str) -> FuncDef:
    """The first function of a module."""
    return next(each for each in tree_of(text).defs if isinstance(each, FuncDef))


def graph_of(text: str) -> Graph:
    """The graph of the first function of a module."""
    return build(function_in(text))
