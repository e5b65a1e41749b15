"""What was found in each module is kept, and looked for again where an edit may have changed it."""

from __future__ import annotations

import json
import sqlite3
import textwrap
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from mypy.modulefinder import BuildSource
from mypy.options import Options

from mypy_asyncsession.checking import parsed_build
from mypy_asyncsession.checking.kept_answers import Answer, Keeping, KeptAnswers, keep
from mypy_asyncsession.checking.parsed_build import look
from mypy_asyncsession.checking.parsed_modules import ParsedModules

if TYPE_CHECKING:
    from pathlib import Path

#: ``jobs`` gets at the provider through ``deps``, and ``api`` uses what ``jobs`` has.
TREE = {
    "db": """
        async def get_db():
            yield 1

        def helper(a: int) -> int:
            print(a)
            return a + 1
        """,
    "deps": """
        from app.db import get_db as given
        """,
    "jobs": """
        from app.deps import given

        async def job() -> None:
            async with given() as db:
                print(db)
        """,
    "api": """
        from app.jobs import job

        async def handler() -> None:
            await job()
        """,
    "other": """
        from contextlib import asynccontextmanager

        @asynccontextmanager
        async def other():
            yield 1

        async def use() -> None:
            async for each in other():
                print(each)
        """,
}


@dataclass
class Tree:
    """Some modules, looked at again and again."""

    root: Path
    monkeypatch: pytest.MonkeyPatch
    state: str | None = None
    number: int = 0
    looked: list[str] = field(default_factory=list)
    more: list[BuildSource] = field(default_factory=list)

    def write(self, name: str, text: str) -> None:
        (self.root / "app" / f"{name}.py").write_text(textwrap.dedent(text))

    def edit(self, name: str, old: str, new: str) -> str:
        path = self.root / "app" / f"{name}.py"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return str(path)

    @property
    def sources(self) -> list[BuildSource]:
        paths = sorted((self.root / "app").glob("*.py"))
        return [*(BuildSource(str(path), f"app.{path.stem}") for path in paths), *self.more]

    def keeping(self, changed: list[str]) -> Keeping:
        path = str(self.root / "answers.sqlite")
        return Keeping(path, f"state{self.number}", self.state, changed)

    def look(self, *changed: str) -> dict[str, list[tuple[int, str]]]:
        """What is found, by module; which modules were looked at for it is in ``looked``."""
        self.number += 1
        found: dict[str, list[tuple[int, str]]] = {}

        def flush(path: str, messages: list[str]) -> None:
            name = path.removesuffix("/__init__.py").rpartition("/")[2].removesuffix(".py")
            assert name not in found, "each is told once"
            errors = [error for error in map(json.loads, messages) if error["severity"] == "error"]
            found[name] = [(error["line"], error["code"]) for error in errors]

        looked = self.looked = []
        original = ParsedModules.look

        def counted(modules: ParsedModules, module: str) -> Answer | None:
            looked.append(module.removeprefix("app."))
            return original(modules, module)

        with self.monkeypatch.context() as patched:
            patched.setattr(ParsedModules, "look", counted)
            options = Options()
            options.namespace_packages = True
            options.mypy_path = [str(self.root)]
            look(self.sources, options, flush, keeping=self.keeping([*changed]))
        self.state = f"state{self.number}"
        assert found.keys() == {source.module.removeprefix("app.") for source in self.sources}
        return {name: each for name, each in found.items() if each}


FOUND = {"jobs": [(5, "async-with")], "other": [(9, "async-iter")]}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    (tmp_path / "app").mkdir()
    found = Tree(tmp_path, monkeypatch)
    for name, text in TREE.items():
        found.write(name, text)
    assert found.look() == FOUND
    return found


def test_what_has_not_changed_is_not_looked_at(tree: Tree) -> None:
    assert tree.look() == FOUND
    assert tree.looked == []


def test_what_stands_in_a_body_that_says_nothing_is_nothing_to_others(tree: Tree) -> None:
    assert tree.look(tree.edit("db", "print(a)", "print(a, a)")) == FOUND
    assert tree.looked == ["db"]
    assert tree.look(tree.edit("jobs", "print(db)", "print(db, db)")) == FOUND
    assert tree.looked == ["jobs"]


def test_a_line_above_moves_what_is_found(tree: Tree) -> None:
    assert tree.look(tree.edit("jobs", "async def", "# more\nasync def")) == {
        **FOUND,
        "jobs": [(6, "async-with")],
    }
    assert tree.looked == ["jobs"]


def test_what_a_provider_is_counts_for_all_who_import_it(tree: Tree) -> None:
    decorated = "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def get_db"
    assert tree.look(tree.edit("db", "async def get_db", decorated)) == {"other": FOUND["other"]}
    assert "other" not in tree.looked
    assert {"db", "jobs"} <= {*tree.looked}
    assert tree.look(tree.edit("db", "@asynccontextmanager\n", "")) == FOUND
    assert {"db", "jobs"} <= {*tree.looked}


def test_the_body_of_a_provider_counts(tree: Tree) -> None:
    tree.look(tree.edit("db", "yield 1", "return 1"))
    assert {"db", "jobs"} <= {*tree.looked}


def test_a_name_is_nothing_to_who_does_not_mention_it(tree: Tree) -> None:
    new = "def later(a: int) -> int:\n    return a\n\nasync def get_db"
    assert tree.look(tree.edit("db", "async def get_db", new)) == FOUND
    assert tree.looked == ["db"]
    assert tree.look(tree.edit("db", "a: int", "a: str")) == FOUND
    assert tree.looked == ["db"]


def test_what_is_made_of_a_name_means_something_else_with_it(tree: Tree) -> None:
    text = (tree.root / "app" / "db.py").read_text()
    tree.write("db", text + "\ndef handed():\n    return get_db()\n")
    use = "from app.db import handed\nasync def use():\n    async with handed() as s: print(s)\n"
    tree.write("via", use)
    tree.write("far", "from app.via import use\nasync def call() -> None:\n    await use()\n")
    wrong = {**FOUND, "via": [(3, "async-with")]}
    tree.state = None
    assert tree.look() == wrong
    decorated = "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def get_db"
    assert tree.look(tree.edit("db", "async def get_db", decorated)) == {"other": FOUND["other"]}
    assert {"db", "via", "jobs"} <= {*tree.looked}
    assert "other" not in tree.looked


def test_two_edits_at_once(tree: Tree) -> None:
    first = tree.edit("deps", "get_db as given", "helper as given")
    second = tree.edit("other", "async for each in other()", "async for each in other.aiter()")
    found = tree.look(first, second)
    assert found.keys().isdisjoint(FOUND)
    assert {"deps", "other", "jobs"} <= {*tree.looked}


def test_a_file_that_comes_is_found_by_who_imports_it(tree: Tree) -> None:
    use = "from app.new import new\nasync def use():\n    async with new() as each: print(each)\n"
    tree.write("user", use)
    user = str(tree.root / "app" / "user.py")
    assert tree.look(user) == FOUND
    assert tree.looked == ["user"]
    tree.write("new", "async def new():\n    yield 1\n")
    new = str(tree.root / "app" / "new.py")
    assert tree.look(new) == {**FOUND, "user": [(3, "async-with")]}
    assert sorted(tree.looked) == ["new", "user"]
    (tree.root / "app" / "new.py").unlink()
    assert tree.look(new) == FOUND
    assert tree.looked == ["user"]
    (tree.root / "app" / "user.py").unlink()
    assert tree.look(user) == FOUND
    assert tree.looked == []


def test_many_are_looked_at_with_a_look_at_all_names_first(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsed_build, "FEW", 0)
    assert tree.look(tree.edit("db", "get_db", "get_one")) == {"other": FOUND["other"]}
    assert tree.look(tree.edit("db", "get_one", "get_db")) == FOUND
    assert "jobs" in tree.looked


@pytest.mark.parametrize("few", [0, 40])
def test_what_is_imported_need_not_be_among_the_files(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    """Else a part of a project that only awaits a provider would have nothing to do with one."""
    tree.write("jobs", "from app.deps import given\nasync def job():\n    return await given()\n")
    monkeypatch.setattr(parsed_build, "FEW", few)
    options = Options()
    options.namespace_packages = True
    options.mypy_path = [str(tree.root)]
    found: list[str] = []
    sources = [source for source in tree.sources if source.module == "app.jobs"]
    look(sources, options, lambda _path, messages: found.extend(messages))
    errors = [error for error in map(json.loads, found) if error["severity"] == "error"]
    assert [error["code"] for error in errors] == ["async-await"]


def test_what_is_imported_from_beside_the_files_mentions_a_name_or_not(tree: Tree) -> None:
    (tree.root / "beside.py").write_text("from app import db\n")
    tree.write("through", "from beside import db\n\ndef made():\n    return db.get_db()\n")
    assert tree.look() == FOUND
    new = "def later(a: int) -> int:\n    return a\n\nasync def get_db"
    assert tree.look(tree.edit("db", "async def get_db", new)) == FOUND
    assert tree.looked == ["db"]
    tree.look(tree.edit("db", "def get_db", "def get_one"))
    assert {"db", "through"} <= {*tree.looked}


def test_another_state_is_not_used(tree: Tree) -> None:
    tree.state = "unheard of"
    assert tree.look(tree.edit("db", "print(a)", "print(a, a)")) == FOUND
    assert {"db", "jobs", "other"} <= {*tree.looked}


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_damaged_file_is_made_anew(tree: Tree, content: bytes) -> None:
    (tree.root / "answers.sqlite").write_bytes(content)
    assert tree.look() == FOUND
    assert {"jobs", "other"} <= {*tree.looked}
    tree.look()  # a damaged one is removed by the first
    assert tree.look() == FOUND
    assert tree.looked == []


def test_a_file_that_lacks_something_is_made_anew(tree: Tree) -> None:
    store = sqlite3.connect(tree.root / "answers.sqlite")
    store.execute("DROP TABLE imports")
    store.commit()
    store.close()
    assert tree.look() == FOUND
    assert {"jobs", "other"} <= {*tree.looked}
    assert tree.look() == FOUND
    assert tree.looked == []


def test_of_two_runs_at_once_one_is_kept(tree: Tree) -> None:
    before = tree.state
    tree.look(tree.edit("jobs", "print(db)", "print(db, db)"))
    after = tree.state
    tree.state = before
    # The other one began with the same, which is not there any more: it looks at everything.
    assert tree.look() == FOUND
    kept = KeptAnswers.read(Keeping(str(tree.root / "answers.sqlite"), "", tree.state))
    assert kept is not None
    assert KeptAnswers.read(Keeping(kept.path, "", after)) is None


def test_what_is_kept_of_a_file_that_cannot_be_written(tree: Tree) -> None:
    (tree.root / "answers.sqlite").unlink()
    (tree.root / "answers.sqlite").mkdir()
    assert tree.look() == FOUND


def test_what_decides_what_other_names_are_is_mentioned_by_nobody(tree: Tree) -> None:
    lazy = "from app import low\ndef __getattr__(name):\n    return {} if name == 'get_db' else 0\n"
    tree.write("low", TREE["db"])
    tree.write("db", lazy.format(0))
    tree.state = None
    assert "jobs" not in tree.look()
    tree.write("db", lazy.format("low.get_db"))
    assert tree.look(str(tree.root / "app" / "db.py")) == FOUND


def test_the_order_of_statements_counts(tree: Tree) -> None:
    plain = "from app.other import other as get_db, use\n"
    text = (tree.root / "app" / "db.py").read_text()
    tree.write("db", plain + text)
    tree.write("other", TREE["other"])
    tree.state = None
    assert tree.look() == FOUND
    tree.write("db", text + plain)
    assert "jobs" not in tree.look(str(tree.root / "app" / "db.py"))


def test_a_module_that_becomes_a_package_imports_something_else(tree: Tree) -> None:
    tree.write("db", "from .low import get_db\n")
    tree.write("low", TREE["db"])
    tree.state = None
    assert tree.look() == FOUND
    (tree.root / "app" / "db").mkdir()
    (tree.root / "app" / "db.py").rename(tree.root / "app" / "db" / "__init__.py")
    old, new = str(tree.root / "app" / "db.py"), str(tree.root / "app" / "db" / "__init__.py")
    tree.more = [BuildSource(new, "app.db")]
    assert "jobs" not in tree.look(old, new)


def test_a_line_that_is_shared_is_of_no_name_alone(tree: Tree) -> None:
    tree.write("low", TREE["db"])
    tree.write("high", "get_db = helper = None\n")
    text = "from app.{} import get_db, helper; x = 1\n"
    tree.write("db", text.format("high"))
    tree.state = None
    assert "jobs" not in tree.look()
    tree.write("db", text.format("low"))
    assert tree.look(str(tree.root / "app" / "db.py")) == FOUND


def test_the_last_line_of_a_signature_is_no_body(tree: Tree) -> None:
    text = "def get_db(a: int,\n    b: int = {}) -> int: print(a)\n"
    tree.write("db", text.format(1))
    tree.state = None
    tree.look()
    tree.write("db", text.format(2))
    tree.look(str(tree.root / "app" / "db.py"))
    assert "jobs" in tree.looked


def test_a_name_that_is_not_ascii_is_found_where_it_is_mentioned(tree: Tree) -> None:
    tree.write("deps", "from app.db import données as given")
    tree.write("db", TREE["db"].replace("get_db", "données"))
    tree.state = None
    assert tree.look() == FOUND
    decorated = "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def d"
    assert "jobs" not in tree.look(tree.edit("db", "async def d", decorated))


def test_a_module_that_is_named_in_a_string_is_leaned_on(tree: Tree) -> None:
    use = """
        from unittest.mock import AsyncMock, patch

        def test():
            with patch("app.new.get_db", AsyncMock()):
                pass
        """
    tree.write("test_it", use)
    assert tree.look(str(tree.root / "app" / "test_it.py")) == FOUND
    new = """
        from contextlib import asynccontextmanager
        from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

        @asynccontextmanager
        async def get_db():
            async with AsyncSession() as session:
                yield session
        """
    tree.write("new", new)
    assert "test_it" in tree.look(str(tree.root / "app" / "new.py"))


def test_what_another_run_keeps_meanwhile_is_not_taken_for_what_was_before(tree: Tree) -> None:
    kept = KeptAnswers.read(Keeping(str(tree.root / "answers.sqlite"), "", tree.state))
    assert kept is not None
    assert kept.texts(["app.deps"])
    tree.look(tree.edit("deps", "get_db as given", "helper as given"))
    assert kept.texts(["app.deps"]) == {}


def test_a_finding_tells_the_line_of_its_provider_as_it_is(tree: Tree) -> None:
    """There may be another definition of that name on the line that it was on."""
    place = '{"message": "m", "provider": ["app.db.get_db", "%s", 2]}' % (tree.root / "app/db.py")
    keeping = tree.keeping([])
    answer = Answer("app/far.py", [json.dumps({"severity": "note", "message": place})], [])
    assert [found.line for found in answer.providers()] == [2]
    path = str(tree.root / "app" / "other.py")
    found = {"app.other": Answer(path, answer.messages, [])}
    keep(Keeping(keeping.path, "now", tree.state), [], found, {}, anew=False)
    tree.state = "now"
    tree.look(tree.edit("db", "print(a)", "print(a, a)"))
    assert tree.looked == ["db"]
    keep(Keeping(keeping.path, "now", tree.state), [], found, {}, anew=False)
    tree.state = "now"
    tree.look(tree.edit("db", "async def", "# more\nasync def"))
    assert sorted(tree.looked) == ["db", "other"]


def test_the_body_of_what_is_annotated_as_giving_a_session_counts(tree: Tree) -> None:
    text = """
        from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

        maker = async_sessionmaker()

        def get_db() -> AsyncSession:
            return maker()
        """
    tree.write("db", text)
    tree.state = None
    tree.look()
    tree.look(tree.edit("db", "return maker()", "return maker"))
    assert "jobs" in tree.looked
