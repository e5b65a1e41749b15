"""Giving FastAPI a dependency that it cannot drive.

## What it does
Rejects ``Depends`` and ``Security`` of a context manager function, of a plain function that
returns a generator, a context manager or a coroutine, of what a call returns, of an alias, of a
sessionmaker, and of a function that makes a session and leaves it open. Rejects calling a
function so that a parameter gets its ``Depends`` as a value. What many places say of one provider
is printed once by ``check``, with their number; ``--all`` prints each.

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

## How it shows
- ``TypeError: '_AsyncGeneratorContextManager' object is not an async iterator``
- ``AttributeError: '_AsyncGeneratorContextManager' object has no attribute 'execute'``
- ``AttributeError: 'generator' object has no attribute 'execute'``
- ``AttributeError: 'Depends' object has no attribute 'execute'``

## See also
``depends-type``, ``session-unentered``, ``session-late-commit``, ``session-with``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.dependency_records import Dependency, DirectCall, Drive, Role
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.rules.undrivable import UNDRIVABLE, undrivable
from mypy_asyncsession.rules.wording import described
from mypy_asyncsession.semantic.shapes import Can, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo

#: FastAPI drives these if it is given the function that makes them.
_DRIVEN_ONCE_NAMED = frozenset(
    {
        Shape.ASYNC_GENERATOR,
        Shape.ASYNC_ITERATOR,
        Shape.COROUTINE,
        Shape.GENERATOR,
        Shape.ITERATOR,
    }
)
_MANAGING = frozenset(
    {
        "asynccontextmanager",
        "contextlib.asynccontextmanager",
        "contextlib.contextmanager",
        "contextmanager",
    }
)


def check(record: Dependency | DirectCall) -> Problem | None:
    """Whether FastAPI cannot drive a dependency, or is not there to do so."""
    if isinstance(record, DirectCall) and record.by_application:
        return Problem(
            f'"{record.callee}" is called by the application, which injects nothing: '
            f'"{record.parameter}" would be "{record.default}" itself',
            f'Get "{record.parameter}" in the body of "{record.callee}"',
            record.place,
        )
    if isinstance(record, DirectCall):
        return Problem(
            f'"{record.callee}" is called outside of FastAPI: "{record.parameter}" would be '
            f'"{record.default}" itself',
            f'Give it "{record.parameter}"',
            record.place,
        )
    handed = record.handed
    place = handed.place if handed is not None else None
    message, hint = _judged(record, handed)
    if message is None or not all(map(is_wrong, record.beside)):
        return None
    return Problem(message, hint, place)


def is_wrong(record: Dependency) -> bool:
    """Whether a dependency that may be several things is wrong if it is this one."""
    return record.mismatch is not None or _judged(record, record.handed)[0] is not None


def _judged(record: Dependency, handed: ObjectInfo | None) -> tuple[str | None, str | None]:
    if record.drive in UNDRIVABLE:
        return undrivable(record)
    if record.drive is Drive.ALIAS:
        return (
            f'"{record.text}" is an alias that holds a dependency, not a dependency',
            f'Annotate the parameter with it: "{record.parameter or "name"}: {record.text}"',
        )
    if record.drive is Drive.SESSIONMAKER:
        return _sessionmaker(record, handed)
    if record.drive is Drive.UNBOUND:
        if record.role is Role.OVERRIDE:
            return None, None
        return (
            f'"{record.text}" is a method of no object: FastAPI asks every request for its "self"',
            "Depend on the method of an object, or on one that is static or of the class",
        )
    if record.callable_class and record.role is Role.LIST and record.detail == "__call__":
        message = (
            f'"{record.text}" is a class whose instances are to be called: FastAPI would only make '
            "one, and every request would pass"
        )
        given = "..." if record.takes else ""
        return message, f'Depend on an instance: "Depends({record.text}({given}))"'
    if handed is None:
        return None, None
    if record.drive is Drive.CALLED:
        return _called(record, handed)
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


def _called(record: Dependency, handed: ObjectInfo) -> tuple[str, str]:
    what = _what(record, handed)
    message = f'"{record.text}" was called: FastAPI needs the function, and gets {what}'
    if handed.shape in _DRIVEN_ONCE_NAMED:
        if record.text.endswith("(...)"):
            return message, _with_arguments(record, handed)
        return message, _instead(record, record.callee or record.text)
    return message, _enter(record, handed)


def _with_arguments(record: Dependency, handed: ObjectInfo) -> str:
    """What to write for a provider that is given arguments, which FastAPI would not know."""
    if handed.shape is Shape.COROUTINE:
        return f'Depend on an "async def" that returns "await {record.text}"'
    is_async = handed.shape in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR)
    keyword, maker = (
        ("async with", "asynccontextmanager") if is_async else ("with", "contextmanager")
    )
    name = record.callee or record.text
    entered = f"{keyword} {maker}({name})(...) as value: yield value"
    return f'Depend on a{"n async" if is_async else ""} generator that enters it: "{entered}"'


def _sessionmaker(record: Dependency, handed: ObjectInfo | None) -> tuple[str, str]:
    made = handed.item.shape if handed is not None and handed.item is not None else None
    label = handed.label if handed is not None else None
    is_sync = made is Shape.SYNC_SESSION or (made is None and label == "sessionmaker")
    kind, keyword = ("a", "with") if is_sync else ("an async", "async with")
    message = (
        f'"{record.text}" is a sessionmaker: FastAPI would take its parameters from the '
        "request, and nobody would close the session"
    )
    example = f'"{keyword} {record.text}() as session: yield session"'
    return message, f"Depend on {kind} generator that enters it: {example}"


def _manager(record: Dependency, handed: ObjectInfo) -> tuple[str | None, str | None]:
    if not record.unwraps and (record.handled or record.asked_for):
        return None, None  # the function enters it, and this FastAPI lets it
    item = handed.item.label if handed.item is not None and handed.item.label else None
    if record.unwraps:
        consequence = "FastAPI fails on it in every request"
    elif record.role is Role.LIST:
        consequence = "FastAPI would never enter it, and every request would pass"
    else:
        consequence = f"FastAPI would inject the manager, not the {item or 'session'}"
    return (
        f'"{record.text}" is {described(handed)}: {consequence}',
        _enter(record, handed),
    )


def _raw(record: Dependency, handed: ObjectInfo) -> tuple[str | None, str | None]:
    if record.role is Role.PARAMETER and record.handled:
        return None, None
    if record.asked_for:
        return None, None
    is_resource = handed.resource is not None or (
        handed.item is not None and handed.item.resource is not None
    )
    if record.role is Role.PARAMETER and record.mismatch is None and not is_resource:
        return None, None  # it may be meant: the function gets what its parameter says
    message = f'"{record.text}" gives {_what(record, handed)}: FastAPI would inject that as it is'
    if handed.shape not in _DRIVEN_ONCE_NAMED:
        return message, _enter(record, handed)
    if record.maker is not None and record.maker != record.text:
        return message, _instead(record, record.maker)
    if handed.shape is Shape.COROUTINE:
        return message, 'Depend on a coroutine function: an "async def" that awaits it'
    if handed.name and "." in handed.name:  # to name a class is not to have an object of it
        method = handed.name.rpartition(".")[2]
        return message, f'Depend on the method "{method}" of the object itself'
    return message, "Depend on a generator function that yields what it gives"


def _what(record: Dependency, handed: ObjectInfo) -> str:
    if handed.name and handed.name != record.text:
        return f'{handed.shape.value}, made by "{handed.name}"'
    return handed.shape.value


def _instead(record: Dependency, name: str) -> str:
    """What to write to depend on something else."""
    return f'Write "{name}"' if record.role is Role.OVERRIDE else f'Write "Depends({name})"'


def _enter(record: Dependency, handed: ObjectInfo) -> str:
    if handed.shape in (Shape.SESSION, Shape.SYNC_SESSION):
        return "Depend on a generator that enters it, or on a function that returns it"
    if handed.shape is Shape.MISMADE:
        inner = handed.item.shape if handed.item is not None else None
        if record.decorated and inner in (Shape.ASYNC_GENERATOR, Shape.GENERATOR):
            return f'Remove "@{handed.label}"'
        return "Depend on a generator function that yields the session"
    if record.drive is Drive.MANAGER and record.callee in _MANAGING and handed.name:
        return _instead(record, handed.name)
    kind, keyword = ("an async", "async with") if handed.can & Can.ASYNC_ENTER else ("a", "with")
    hint = f"Depend on {kind} generator that enters it"
    entered = _entered(record)
    if entered is not None:
        held = handed.item
        plain = held is not None and held.resource is None and held.label is not None
        name = "value" if plain else "session"
        given = "..." if record.takes or record.text.endswith("(...)") else ""
        hint += f': "{keyword} {entered}({given}) as {name}: yield {name}"'
    if record.decorated:
        decorator = "asynccontextmanager" if handed.can & Can.ASYNC_ENTER else "contextmanager"
        owner = record.text if record.callee is None else handed.name or record.text
        hint += f'; or remove "@{decorator}" from "{owner}", if nobody enters it'
    return hint


def _entered(record: Dependency) -> str | None:
    """What to call for the context manager, where it has a name that is known to be at hand."""
    if record.drive is Drive.CALLED:
        return record.callee
    if record.drive is Drive.RAW and record.maker is not None:
        return record.maker
    return record.text if record.callee is None and record.text != "lambda" else None


RULE = Rule(
    code="session-depends",
    doc=__doc__,
    reads=(Dependency, DirectCall),
    check=check,
)
