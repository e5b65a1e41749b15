"""One walk of a module finds what others would, and few others are left."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from mypy.nodes import FuncDef
from mypy.options import Options

from mypy_asyncsession.plugin.parsed_internals import ParsedBuild
from mypy_asyncsession.semantic import facts, syntax
from mypy_asyncsession.semantic.declarations.program import ParsedProgram
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.from_mypy_types import Types
from mypy_asyncsession.semantic.index import ModuleIndex, contents
from mypy_asyncsession.semantic.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy.nodes import MypyFile, Node

HEAD = """\
import asyncio
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

Maker: async_sessionmaker[AsyncSession] = async_sessionmaker()
"""
FUNCTION = """

async def f{number}(session: AsyncSession, count):
    if count:
        await session.execute(count)
    else:
        await asyncio.gather(*(session.get(int, each) for each in range(count)))

    def inner(each):
        return lambda: each.value + count

    async with Maker() as other:
        other.add(inner(count))
        await other.commit()
    return [inner(each) for each in range(count)]
"""
TEXT = HEAD + "".join(FUNCTION.format(number=number) for number in range(40))


@pytest.fixture
def build(tmp_path: Path) -> ParsedBuild:
    """A build of nothing yet."""
    (tmp_path / "module.py").write_text(TEXT)
    return ParsedBuild([], Options())


@pytest.fixture
def tree(build: ParsedBuild, tmp_path: Path) -> MypyFile:
    """A module with functions inside functions."""
    tree = build.parse(str(tmp_path / "module.py"), "module", None)
    assert tree is not None
    return tree


def test_the_index_holds_what_a_walk_finds(tree: MypyFile) -> None:
    found = ModuleIndex(tree)
    assert found.nodes == list(syntax.walk(tree))
    functions = [node for node in found.nodes if isinstance(node, FuncDef)]
    assert len(functions) == 80
    for function in functions:
        inside = found.of(function)
        assert inside is not None
        alone = contents(function)
        assert inside.nodes == alone.nodes == list(syntax.walk(function.body))
        assert inside.own == list(syntax.walk(function.body, into_functions=False))
        assert inside.yields == syntax.yields(function)
        assert inside.returned == syntax.returned(function)
        assert inside.words == alone.words


def test_the_facts_of_a_module_walk_it_a_few_times(
    build: ParsedBuild, tree: MypyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    visited = 0
    walk = syntax.walk

    def counted(node: Node, *, into_functions: bool = True) -> Iterator[Node]:
        nonlocal visited
        for each in walk(node, into_functions=into_functions):
            visited += 1
            yield each

    for name, module in list(sys.modules.items()):
        if name.startswith("mypy_asyncsession.") and getattr(module, "walk", None) is walk:
            monkeypatch.setattr(module, "walk", counted)
    program = ParsedProgram(build.find, build.parse, is_foreign)
    monkeypatch.setattr(program.modules, "get", {"module": tree}.get)
    source = program.source("module")
    assert source is not None
    facts.facts(source, Interpreter(program, Types(frozenset())))
    # It was more than seven times when each question walked the functions anew.
    assert visited <= 5 * len(ModuleIndex(tree).nodes)
