"""Taking what holds a session for the session.

## What it does
Rejects an attribute of a session that is asked of a generator, a context manager or a coroutine
which was never entered or awaited, and such an object where a session is expected: as an argument,
as a return value, or stored in an attribute that is annotated as one. The same is said of a
sessionmaker that was not called, and of an ``engine.connect()`` or a ``session.begin()`` that
nobody awaits or enters. A transaction, a connection or an engine that is asked for what only a
session has is taken for one, too, and so is the ``None`` of a manager that hands out nothing.

## Why is this bad
The session was not opened. It raises ``AttributeError`` when the attribute is used, which may be
far from the mistake.

## Example
```python
@asynccontextmanager
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


async def report() -> None:
    session = get_db()
    await session.execute(text("select 1"))
```

## Use instead
```python
async def report() -> None:
    async with get_db() as session:
        await session.execute(text("select 1"))
```

## How it shows
- ``AttributeError: '_AsyncGeneratorContextManager' object has no attribute 'execute'``
- ``AttributeError: 'async_generator' object has no attribute 'execute'``
- ``AttributeError: 'coroutine' object has no attribute 'scalars'``
- ``AttributeError: 'async_generator' object has no attribute 'commit'``
- ``AttributeError: '_AsyncGeneratorContextManager' object has no attribute 'query'``
- ``AttributeError: 'AsyncSessionTransaction' object has no attribute 'add'``
- ``AttributeError: 'NoneType' object has no attribute 'execute'``
- ``RuntimeWarning: coroutine 'get_session' was never awaited``

## See also
``session-with``, ``session-depends``, ``session-unawaited``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.record import Situation, UnenteredUse
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo

_TAKEN = {
    Situation.ATTRIBUTE: 'it has no "{detail}" before it is {done}',
    Situation.ARGUMENT: '"{detail}" wants the {session}',
    Situation.RETURNED: '"{detail}" is to return the {session}',
    Situation.STORED: '"{detail}" is to hold the {session}',
}

#: What is taken for a session by mistake, and how to get one.
_OTHERS = {"AsyncConnection": "a connection", "AsyncEngine": "an engine"}
_LACKING = {
    "AsyncConnection": "Make a session of the engine",
    "AsyncEngine": "Make a session of it, or connect it first",
}

_DONE = {Shape.COROUTINE: "awaited", Shape.SESSIONMAKER: "called"}


def check(raw: UnenteredUse) -> Problem | None:
    """Whether something is taken for the session that it holds."""
    handed = raw.handed
    if handed is None:
        return None
    if raw.situation is Situation.UNSTARTED:
        what = "connection" if handed.label == "AsyncConnection" else "transaction"
        return Problem(
            f'"{raw.text}" is a {what} that nobody has started: "{raw.detail}" fails before',
            f'Enter it: "async with {raw.callee}() as {raw.text}:"',
            handed.place,
        )
    if raw.situation is Situation.UNOPENED:
        return Problem(
            f'"{raw.text}" was never entered: it has no "{raw.detail}" before',
            f'Enter it: "{_keyword(handed)} {raw.text}:"',
            handed.place,
        )
    if raw.situation is Situation.CALLED:
        return Problem(
            f'"{raw.text}" is {handed.shape.value} already, which "{raw.detail}" gives as a '
            "property: it cannot be called",
            f'Write "{raw.text}", without "()"',
            handed.place,
        )
    if raw.situation is Situation.DROPPED:
        hint = f'Await it: "await {raw.text}"' if raw.detail and raw.callee else None
        return Problem(
            f'"{raw.text}" begins nothing: it is neither awaited nor entered', hint, None
        )
    if raw.situation is Situation.LACKING:
        return Problem(
            f'"{raw.text}" is {_OTHERS.get(handed.label or "", "a transaction")}, and no session: '
            f'it has no "{raw.detail}"',
            _LACKING.get(handed.label or "", "Use the session that it was begun on"),
            None,
        )
    if raw.situation is Situation.NOTHING:
        is_class = raw.detail.endswith("enter__")
        return Problem(
            f'"{raw.text}" is None: "{raw.detail}" {"returns" if is_class else "yields"} nothing',
            f"{'Return' if is_class else 'Yield'} from it what is to be used",
            handed.place,
        )
    if raw.situation is Situation.WRAPPED:
        return Problem(
            f'"{raw.via}" gives "{raw.text}" as "{raw.detail}", which wants the {raw.session}: '
            f"that is {handed.shape.value}",
            f"{_instead(raw, handed)}, in the wrapper",
            handed.place,
        )
    done = _DONE.get(handed.shape, "entered")
    taken = _TAKEN[raw.situation].format(detail=raw.detail, session=raw.session, done=done)
    made = ""
    if handed.name and handed.name != raw.callee:
        made = f', made by "{handed.name}"'
    return Problem(
        f'"{raw.text}" is {handed.shape.value}{made}: {taken}', _instead(raw, handed), handed.place
    )


def _instead(raw: UnenteredUse, handed: ObjectInfo) -> str:
    # To name the class of a method is not to have an object of it.
    provider = raw.callee or (handed.name if "." not in (handed.name or "") else None)
    if handed.shape is Shape.COROUTINE:
        return f'Await it: "await {raw.text}"' if raw.callee else "Await it where it is made"
    arguments = "..." if handed.takes else ""
    made = f"{provider}({arguments})" if provider else raw.text
    if handed.shape in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR):
        made = f"asynccontextmanager({provider})({arguments})"
    elif handed.shape in (Shape.GENERATOR, Shape.ITERATOR):
        made = f"contextmanager({provider})({arguments})"
    if handed.shape is Shape.SESSIONMAKER:
        keyword = "with" if handed.label == "sessionmaker" else "async with"
        return f'Call it, and enter what it gives: "{keyword} {raw.text}() as session:"'
    return f'Enter it, and use the session inside: "{_keyword(handed)} {made} as session:"'


def _keyword(handed: ObjectInfo) -> str:
    is_async = bool(handed.can & (Can.ASYNC_ENTER | Can.ASYNC_ITERATE))
    return "async with" if is_async else "with"


RULE = Rule(
    code="session-unentered",
    doc=__doc__,
    reads=(UnenteredUse,),
    check=check,
)
