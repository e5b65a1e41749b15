"""Giving FastAPI a dependency that it cannot drive.

## What it does
Rejects ``Depends`` and ``Security`` of a context manager function, of a plain function that
returns a generator, a context manager or a coroutine, of what a call returns, of an alias, of a
sessionmaker, and of a function that makes a session and leaves it open. Rejects calling a
function so that a parameter gets its ``Depends`` as a value.

## Why is this bad
``Depends`` returns ``Any``, so that no type checker sees it. FastAPI injects the manager in place
of the session, or fails on every request; a guard in ``dependencies=[...]`` lets everything pass.

## Example
```python
@asynccontextmanager
async def get_db() -> AsyncIterator[AsyncSession]:
    async with SessionLocal() as session:
        yield session


@app.get("/users")
async def users(db: Annotated[AsyncSession, Depends(get_db)]) -> list[str]: ...
```

## Use instead
```python
async def get_db_dependency() -> AsyncIterator[AsyncSession]:
    async with get_db() as session:
        yield session


@app.get("/users")
async def users(db: Annotated[AsyncSession, Depends(get_db_dependency)]) -> list[str]: ...
```
"""

from __future__ import annotations

from mypy_asyncsession.providers.shapes import Can, Shape
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.uses.record import Dependency, DirectCall, Drive, Handed, Role


def check(record: Dependency | DirectCall) -> Problem | None:
    """Whether FastAPI cannot drive a dependency, or is not there to do so."""
    if isinstance(record, DirectCall):
        return Problem(
            f'"{record.callee}" is called outside of FastAPI: "{record.parameter}" would be '
            f'"Depends({record.dependency})" itself',
            f'Give it "{record.parameter}"',
            record.place,
        )
    handed = record.handed
    place = handed.place if handed is not None else None
    message, hint = _judged(record, handed)
    return Problem(message, hint, place) if message is not None else None


def _judged(record: Dependency, handed: Handed | None) -> tuple[str | None, str | None]:
    if record.drive is Drive.ALIAS:
        return (
            f'"{record.text}" is an alias that holds a dependency, not a dependency',
            f'Annotate the parameter with it: "{record.parameter or "name"}: {record.text}"',
        )
    if record.drive is Drive.SESSIONMAKER:
        return (
            f'"{record.text}" is a sessionmaker: FastAPI would take its parameters from the '
            "request, and nobody would close the session",
            f'Depend on an async generator that enters it: "async with {record.text}() as session: '
            'yield session"'
            if handed is None or handed.item is None or handed.item.shape is not Shape.SYNC_SESSION
            else f'Depend on a generator that enters it: "with {record.text}() as session: '
            'yield session"',
        )
    if handed is None:
        return None, None
    if record.drive is Drive.CALLED:
        return (
            f'"{record.text}" was called: FastAPI needs the function, and gets {_what(handed)}',
            f'Write "Depends({record.callee})"'
            if handed.shape in (Shape.ASYNC_GENERATOR, Shape.GENERATOR, Shape.COROUTINE)
            else _enter(record, record.callee or record.text, handed),
        )
    if record.drive is Drive.MANAGER:
        return _manager(record, handed)
    if record.drive is Drive.RAW:
        return _raw(record, handed)
    if (
        record.opens
        and record.role is Role.PARAMETER
        and not record.handled
        and record.mismatch is None
    ):
        return (
            f'"{record.text}" gives a session that nobody closes',
            "Depend on an async generator that enters it, or enter the session in the function",
        )
    return None, None


def _manager(record: Dependency, handed: Handed) -> tuple[str | None, str | None]:
    if record.handled and not record.unwraps:
        return None, None  # the function enters it, and this FastAPI lets it
    item = handed.item.label if handed.item is not None and handed.item.label else None
    if record.unwraps:
        consequence = "FastAPI fails on it in every request"
    elif record.role is Role.LIST:
        consequence = "FastAPI would never enter it, and every request would pass"
    else:
        consequence = f"FastAPI would inject the manager, not the {item or 'session'}"
    return (
        f'"{record.text}" is {handed.shape.value}: {consequence}',
        _enter(record, record.text, handed),
    )


def _raw(record: Dependency, handed: Handed) -> tuple[str | None, str | None]:
    if record.role is Role.PARAMETER and record.handled:
        return None, None
    if record.role is Role.PARAMETER and record.mismatch is None and handed.resource is None:
        if handed.item is None or handed.item.resource is None:
            return None, None  # it may be meant: the function gets what its parameter says
    message = f'"{record.text}" returns {_what(handed)}: FastAPI would inject that as it is'
    if handed.shape is Shape.COROUTINE:
        return message, 'Depend on a coroutine function: "async def" instead of "def"'
    if handed.shape in (Shape.ASYNC_GENERATOR, Shape.GENERATOR):
        if handed.name and handed.name != record.text:
            return message, f'Write "Depends({handed.name})"'
        return message, "Depend on the generator function itself"
    return message, _enter(record, record.text, handed)


def _what(handed: Handed) -> str:
    if handed.name:
        return f'{handed.shape.value}, made by "{handed.name}"'
    return handed.shape.value


def _enter(record: Dependency, text: str, handed: Handed) -> str:
    if handed.shape in (Shape.SESSION, Shape.SYNC_SESSION):
        return "Depend on a generator that enters it, or on a function that returns it"
    is_async = bool(handed.can & Can.ASYNC_ENTER)
    keyword = "async with" if is_async else "with"
    hint = (
        f'Depend on {"an async" if is_async else "a"} generator that enters it: '
        f'"{keyword} {text}() as session: yield session"'
    )
    if record.drive is Drive.MANAGER and handed.place is not None:
        decorator = "asynccontextmanager" if is_async else "contextmanager"
        hint += f'; or remove "@{decorator}" from "{text}", if nobody enters it'
    return hint


RULE = Rule(
    code="session-depends",
    summary="a dependency that FastAPI cannot drive",
    doc=__doc__,
    reads=(Dependency, DirectCall),
    check=check,
)
