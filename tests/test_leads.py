"""What may have to do with a provider, told by names; and work that processes share."""

from __future__ import annotations

import os
import signal
import textwrap
from typing import TYPE_CHECKING, Final

import pytest
from mypy.modulefinder import BuildSource
from mypy.options import Options

from mypy_asyncsession.checking import parsed_build
from mypy_asyncsession.checking.shared_work import shared
from mypy_asyncsession.plugin.parsed_internals import ParsedBuild
from mypy_asyncsession.rules import RULES
from mypy_asyncsession.semantic.leads import Leads
from mypy_asyncsession.semantic.syntax import definition_of, statements
from tests.harness.case import read_cases
from tests.harness.workspace import TEST_DATA, Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from mypy.nodes import MypyFile

DATA_FILES: Final = sorted(TEST_DATA.glob("*.test"))


def _concerned(modules: dict[str, str]) -> set[str]:
    """The functions of some modules that may have to do with a provider."""
    build = ParsedBuild([], Options())
    trees: list[MypyFile] = []
    leads = Leads()
    for name, text in modules.items():
        tree = build.parse(f"{name}.py", name, textwrap.dedent(text))
        assert tree is not None
        trees.append(tree)
        leads.add(tree)
    leads.follow()
    return {
        f"{tree.fullname}.{function.name}"
        for tree in trees
        for statement in statements(tree.defs, into_functions=True)
        if leads.concerns(statement) and (function := definition_of(statement)) is not None
    }


_DATABASE = """
    from contextlib import asynccontextmanager

    class Database:
        def __init__(self, maker):
            self.maker = maker

        async def stream(self):
            yield self.maker()

        def count(self) -> int:
            return 1

    @asynccontextmanager
    async def opened():
        yield 1
"""


def test_what_mentions_no_provider_is_left_out() -> None:
    use = """
        from database import Database, opened as begun

        def named():
            return begun()

        def through_another():
            return named()

        async def used(database: Database):
            await database.stream()

        async def entered():
            async with through_another():
                pass

        def counted(database: Database) -> int:
            return database.count()

        def unrelated(values: list[int]) -> int:
            return sum(value for value in values)
    """
    found = _concerned({"database": _DATABASE, "use": use})
    assert {"use.named", "use.through_another", "use.used", "use.entered"} <= found
    assert found.isdisjoint({"use.counted", "use.unrelated", "database.count"})


def test_a_dependency_leads_through_an_alias_and_a_call() -> None:
    use = """
        from typing import Annotated
        from fastapi import Depends, Query

        def number() -> int:
            return 1

        Number = Annotated[int, Depends(number)]

        def handler(value: Number) -> int:
            return value

        def limited(limit: int = Query(1)) -> int:
            return limit

        def calls_it() -> int:
            return handler()

        def calls_the_other() -> int:
            return limited()

        def calls_neither() -> int:
            return number()
    """
    found = _concerned({"use": use})
    assert {"use.handler", "use.calls_it", "use.calls_the_other"} <= found
    assert "use.calls_neither" not in found


def test_classes_that_fastapi_fills_in_lead_to_a_provider() -> None:
    use = """
        from dataclasses import dataclass
        from fastapi import Depends

        class Base:
            def __init__(self, number: int = Depends(int)) -> None:
                self.number = number

        class Child(Base):
            pass

        @dataclass
        class Record:
            number: int = Depends(int)

        class Other:
            number: int = 1

        def makes_a_child() -> None:
            Child()

        def makes_a_record() -> None:
            Record()

        def makes_another() -> None:
            Other()
    """
    found = _concerned({"use": use})
    assert {"use.makes_a_child", "use.makes_a_record"} <= found
    assert "use.makes_another" not in found


def test_attributes_are_told_apart_by_their_class() -> None:
    use = """
        from sqlalchemy.ext.asyncio import AsyncSession

        class Service:
            def __init__(self, session: AsyncSession) -> None:
                self.get = session

            def used(self):
                return self.get.execute("select 1")

        class Cache:
            def __init__(self) -> None:
                self.get = 1

            def unused(self):
                return self.get + 1
    """
    found = _concerned({"use": use})
    assert "use.used" in found
    assert "use.unused" not in found


def test_shared_work_gives_what_one_process_gives() -> None:
    items = list(range(100))
    alone = dict(shared(items, lambda item: item * item, list, 1))
    together = dict(shared(items, lambda item: item * item, list, 3))
    assert {key: value for key, value in together.items() if key >= 0} == alone


def test_what_a_killed_process_leaves_is_done_by_this_one() -> None:
    own = os.getpid()

    def work(item: int) -> int:
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    found = dict(shared(list(range(100)), work, list, 2))
    assert {key: value for key, value in found.items() if key >= 0} == dict(
        zip(range(100), range(100), strict=True)
    )


@pytest.mark.parametrize(
    "written",
    ['getattr(db, "get_db")', 'vars(db)["get_db"]', 'db.__dict__["get_db"]'],
)
def test_what_a_string_leads_to_counts(written: str) -> None:
    db = """
        async def get_db():
            yield 1
    """
    use = f"""
        import db

        provider = {written}

        def used():
            return provider()

        def at_once():
            return {written}()

        def other():
            return getattr(db, "number")
    """
    found = _concerned({"db": db, "use": use})
    assert {"use.used", "use.at_once"} <= found
    assert "use.other" not in found


def _found(root: Path, few: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is found in a tree, where up to so many modules are few."""
    monkeypatch.setattr(parsed_build, "FEW", few)
    options = Options()
    options.explicit_package_bases = options.namespace_packages = True
    options.mypy_path = [str(root)]
    options.enable_error_code = [rule.code for rule in RULES if not rule.default]
    paths = sorted(root.rglob("*.py"))
    names = [path.relative_to(root).with_suffix("").parts for path in paths]
    sources = [
        BuildSource(str(path), ".".join(name[:-1] if name[-1] == "__init__" else name))
        for path, name in zip(paths, names, strict=True)
        if name != ("__init__",)
    ]
    found: list[str] = []
    parsed_build.look(sources, options, lambda _, messages: found.extend(messages), anyway=True)
    return sorted(found)


@pytest.mark.long
@pytest.mark.parametrize("file", DATA_FILES, ids=lambda file: file.stem)
def test_what_is_passed_over_holds_no_finding(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path, read_cases(file))
    for step in range(1, workspace.steps + 1):
        workspace.write(step)
    whole = {*_found(tmp_path, 1_000_000, monkeypatch)}
    assert whole
    found = {*_found(tmp_path, 0, monkeypatch)}
    assert (found - whole, whole - found) == (set(), set())


def test_an_overloaded_function_gives_what_its_last_definition_gives() -> None:
    use = """
        from typing import overload
        from database import Database, opened

        @overload
        def session(read_only): ...
        @overload
        def session(): ...
        def session(read_only=False):
            return opened()
    """
    other = """
        from use import session

        def used():
            return session()
    """
    found = _concerned({"database": _DATABASE, "use": use, "other": other})
    assert {"use.session", "other.used"} <= found
