"""Overriding a provider with one of another shape.

## What it does
Rejects a method that hands out something of another shape than the method that it overrides or
implements: of a base class, of an abstract class, or of a protocol. A protocol's
``async def session(self) -> AsyncGenerator[...]: ...`` counts as what it is to its callers, a
coroutine function; an async generator is declared there without ``async``.

## Why is this bad
Whoever calls it through the base class uses it in the way that is right for the base class, and
fails as soon as it is given an object of this one.

## Example
```python
class Provider(ABC):
    @abstractmethod
    def session(self) -> AbstractAsyncContextManager[AsyncSession]: ...


class Database(Provider):
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session
```

## Use instead
```python
class Database(Provider):
    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session
```

## How it shows
- ``TypeError: 'async_generator' object does not support the asynchronous context manager
  protocol``
- ``TypeError: 'coroutine' object does not support the asynchronous context manager protocol``
- ``TypeError: 'async for' requires an object with __aiter__ method, got coroutine``

## See also
``session-with``, ``session-mock``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.provider_records import Override
from mypy_asyncsession.rules.pairings import holds_resource
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.semantic.shapes import USES, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo

_PROVIDERS = frozenset(
    {
        Shape.ASYNC_GENERATOR,
        Shape.ASYNC_ITERATOR,
        Shape.ASYNC_CONTEXT_MANAGER,
        Shape.AWAITABLE_CONTEXT_MANAGER,
        Shape.GENERATOR,
        Shape.CONTEXT_MANAGER,
        Shape.SESSION,
        Shape.SYNC_SESSION,
    }
)


def check(override: Override) -> Problem | None:
    """Whether a method cannot be used as the one that it stands for."""
    here, there = override.here, override.there
    if override.misdeclared:
        if not holds_resource(there):
            return None
        return Problem(
            f'"{override.method}" of "{override.owner}" is a coroutine function that gives '
            f"{there.shape.value}, not one itself",
            f'Declare it without "async": "def {override.method}(...) -> {there.label}[...]: ..."',
            here.place,
        )
    if override.called is not None:
        if not any(map(holds_resource, (here, there))):
            return None
        kinds = ("a property", "a method") if override.called else ("a method", "a property")
        return Problem(
            f'"{override.method}" is {kinds[0]} of "{override.owner}", of "{override.base}" '
            f"{kinds[1]}",
            f'Make it {kinds[1]}, as the callers of "{override.base}.{override.method}" expect',
            here.place,
        )
    shapes = {here.shape, there.shape}
    if not shapes & _PROVIDERS or not shapes <= _PROVIDERS | {Shape.COROUTINE}:
        return None
    if not all(map(_is_provider, (here, there))) or not any(map(holds_resource, (here, there))):
        return None
    if there.can & USES & here.can == there.can & USES:
        return None
    return Problem(
        f'"{override.method}" of "{override.owner}" gives {here.shape.value}, '
        f'of "{override.base}" {there.shape.value}',
        _instead(override),
        here.place,
    )


def _is_provider(handed: ObjectInfo) -> bool:
    """Whether this may be meant to hand something out.

    A class that can be entered among other things, such as the result of a query, is none.
    """
    item = handed.item
    return not handed.is_enterable_object() or (item is not None and item.resource is not None)


def _instead(override: Override) -> str:
    here, there = override.here.shape, override.there.shape
    if here is Shape.ASYNC_GENERATOR and there is Shape.ASYNC_CONTEXT_MANAGER:
        return f'Decorate "{override.method}" of "{override.owner}" with "@asynccontextmanager"'
    if here is Shape.GENERATOR and there is Shape.CONTEXT_MANAGER:
        return f'Decorate "{override.method}" of "{override.owner}" with "@contextmanager"'
    given = override.there.item.shape if override.there.item is not None else None
    if there is Shape.COROUTINE and given in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR):
        return f'Declare "{override.method}" of "{override.base}" without "async"'
    return f'Give both the shape that the callers of "{override.base}.{override.method}" need'


RULE = Rule(
    code="session-override",
    doc=__doc__,
    reads=(Override,),
    check=check,
)
