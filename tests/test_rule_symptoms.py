"""What the examples on the pages of the rules do when they run: by that, ``explain`` finds them."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Final

import pytest
import sqlalchemy.ext.asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from mypy_asyncsession.rules import RULES, Rule
from mypy_asyncsession.rules.symptoms import about, symptoms
from tests.test_rule_examples import PREAMBLE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

#: What is added to an example: a coroutine that does what would go wrong.
_USE: Final = "async def go():\n    await {}\n"
_ENTER: Final = "async def go():\n    async with {}.session():\n        pass\n"
_TABLES: Final = """
from sqlalchemy import String
class {base}(DeclarativeBase): ...
class User({base}):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
"""
_MAKE: Final = """
    engine = create_async_engine(URL)
    async with engine.begin() as connection:
        await connection.run_sync(User.metadata.create_all)
    new = async_sessionmaker(engine)
"""
_ASK: Final = """
from fastapi.testclient import TestClient
async def go():
    {}
    TestClient(app).{}
"""
RUNS: Final = {
    "session-with": _USE.format("report()"),
    "session-iter": _USE.format("report()"),
    "session-await": _USE.format("report()"),
    "async-with": _USE.format("report()"),
    "async-iter": _USE.format("total()"),
    "async-await": _USE.format("first()"),
    "session-unentered": _USE.format("report()"),
    "session-unawaited": _TABLES.format(base="Other")
    + "async def go():"
    + _MAKE
    + """
    async with new() as session:
        await remove(session, User(name="a"))
""",
    "session-depends": _ASK.format("pass", 'get("/users")'),
    "depends-type": _ASK.format("app.dependency_overrides[get_user_id] = lambda: 1", 'get("/")'),
    "session-escape": """
async def go():
    session = await open_session()
    await session.execute(text("select 1"))
    del session
    __import__("gc").collect()
""",
    "session-lazy-load": "async def go():"
    + _MAKE
    + """
    async with new() as session:
        session.add(User())
        await session.commit()
        await count(session)
""",
    "session-concurrent": """
async def go():
    async with async_sessionmaker(create_async_engine(URL))() as session:
        await counts(session)
""",
    "session-expired": "async def go():"
    + _MAKE
    + """
    async with new() as session:
        session.add_all([User(id=1, name="a"), User(id=2, name="b")])
        await session.commit()
        def refuse(*_):
            raise SQLAlchemyError
        from sqlalchemy import event
        event.listen(session.sync_session, "before_commit", refuse)
        await rename(session, 2, "a")
""",
    "session-transaction": _TABLES.format(base="Base")
    + "async def go():"
    + _MAKE
    + """
    async with new() as session:
        await save_all(session, ["a", "a", "b"])
""",
    "session-override": _ENTER.format("Database()"),
    "session-mock": """
async def go():
    with patch.object(Database, "session", AsyncMock()):
        async with Database().session():
            pass
""",
}

#: The rules on what raises nothing: it is the outcome that is wrong, or the code that is vague.
SILENT: Final = {
    "session-early-exit",
    "session-delegate",
    "session-late-commit",
    "session-getter",
    "session-probe",
}


def happened(rule: Rule, folder: Path) -> list[str]:
    """What the example of a rule raises, and what that was raised in place of; or warns of."""
    example = re.findall(r"```python\n(.*?)```", rule.doc, re.DOTALL)[0]
    # A module, since SQLAlchemy looks up the names in annotations there.
    module = ModuleType("example")
    names = vars(module)
    engines: list[AsyncEngine] = []
    names["URL"] = f"sqlite+aiosqlite:///{folder}/{rule.code}.db"
    source = PREAMBLE.replace('"sqlite+aiosqlite://"', "URL", 1)
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings(record=True) as caught:
        patch.setitem(sys.modules, "example", module)
        warnings.simplefilter("always")
        patch.setattr(sqlalchemy.ext.asyncio, "create_async_engine", _recording(engines))
        exec(source + example + RUNS[rule.code], names)
        raised = asyncio.run(_run(names["go"], engines))
    return raised or [f"{each.category.__name__}: {each.message}" for each in caught]


def _recording(engines: list[AsyncEngine]) -> Callable[[str], AsyncEngine]:
    def create(url: str) -> AsyncEngine:
        engines.append(create_async_engine(url))
        return engines[-1]

    return create


async def _run(go: Callable[[], Awaitable[None]], engines: list[AsyncEngine]) -> list[str]:
    """What an example raises; its connections are closed while there is a loop to do so."""
    raised: list[str] = []
    try:
        await go()
    except Exception as error:  # noqa: BLE001
        raised = [f"{type(each).__name__}: {each}" for each in _chain(error)]
    await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
    gc.collect()
    for engine in engines:
        await engine.dispose()
    # The threads of connections that nobody closes end a little later.
    for _ in range(50):
        if not any("_connection_worker" in thread.name for thread in threading.enumerate()):
            break
        await asyncio.sleep(0.01)
    return raised


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None and str(error) != "()":
        yield error
        error = error.__context__


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_what_its_example_raises_finds_a_rule(rule: Rule, tmp_path: Path) -> None:
    if rule.code in SILENT:
        assert rule.code not in RUNS
        return
    raised = happened(rule, tmp_path)
    assert raised
    for text in raised:
        # The whole of it, and what a searcher makes of it: no class, and no names of one's own.
        for sought in (text, text.partition(": ")[2], text.lower().replace("'", '"')):
            assert rule in [found for found, _ in about(sought, RULES)], sought


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("object has no attribute 'execute'", "session-unentered"),
        ("'async_generator' object has no attribute 'scalar'", "session-unentered"),
        ('"AsyncGenerator[AsyncSession, None]" has no attribute "__aenter__"', "session-with"),
        ("has no attribute '__aenter__'", "session-with"),
        ("greenlet_spawn has not been called", "session-expired"),
        ("greenlet_spawn has not been called", "session-lazy-load"),
        ("MissingGreenlet", "session-lazy-load"),
        ("object is not an async iterator", "session-depends"),
        ("provisioning a new connection", "session-concurrent"),
        ("another operation is in progress", "session-concurrent"),
        ("QueuePool limit of size 10 overflow 5 reached", "session-escape"),
        ("coroutine 'AsyncSession.close' was never awaited", "session-unawaited"),
        ("A transaction is already begun on this Session.", "session-transaction"),
        (
            (
                "Traceback (most recent call last):\n"
                '  File "/srv/app/main.py", line 12, in users\n'
                "    async with get_db() as db:\n"
                "TypeError: 'async_generator' object does not support the asynchronous context "
                "manager protocol"
            ),
            "session-with",
        ),
    ],
)
def test_what_people_look_for(text: str, code: str) -> None:
    assert code in [rule.code for rule, _ in about(text, RULES)][:4]


@pytest.mark.parametrize(
    "text",
    [
        "ZeroDivisionError: division by zero",
        "ModuleNotFoundError: No module named 'yaml'",
        "AttributeError: 'NoneType' object has no attribute 'name'",
        "TypeError: 'int' object is not callable",
        "KeyError: 'id'",
        "object",
        "E501",
    ],
)
def test_other_mistakes_are_none_of_ours(text: str) -> None:
    assert about(text, RULES) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_page_names_each_message_once(rule: Rule) -> None:
    messages = symptoms(rule)
    assert len(set(messages)) == len(messages)
    assert bool(messages) or "nothing is raised" in rule.doc
