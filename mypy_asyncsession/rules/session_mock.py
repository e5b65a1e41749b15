"""A double of another shape than the provider that it stands for.

## What it does
Rejects ``patch``, ``patch.object``, ``mocker.patch`` and ``monkeypatch.setattr`` with a double that
cannot be used as the provider is: an ``AsyncMock``, whose calls give coroutines, for a generator or
a context manager; another provider of another shape; ``return_value=session`` for a generator.

## Why is this bad
The test fails for a reason of its own, or passes only because the code under test has been bent to
the double, and fails in production.

## Example
```python
class Database:
    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with SessionLocal() as session:
            yield session


def test_report() -> None:
    with patch.object(Database, "session", AsyncMock()):
        ...
```

## Use instead
```python
def test_report() -> None:
    with patch.object(Database, "session", MagicMock()):
        ...
```

## How it shows
- ``TypeError: 'coroutine' object does not support the asynchronous context manager protocol``
- ``TypeError: 'async for' requires an object with __aiter__ method, got coroutine``
- ``AttributeError: 'coroutine' object has no attribute '__aenter__'``
- ``RuntimeWarning: coroutine 'AsyncMockMixin._execute_mock_call' was never awaited``

## See also
``session-override``, ``session-with``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.provider_records import Double
from mypy_asyncsession.rules.rule import Problem, Rule
from mypy_asyncsession.semantic.shapes import USES, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo


def check(double: Double) -> Problem | None:
    """Whether a double cannot be used as the provider is."""
    here, there = double.here, double.there
    if _fits(there, here):
        return None
    return Problem(
        f'"{double.target}" gives {there.shape.value}, its double {here.shape.value}',
        _instead(double),
        there.place,
    )


def _fits(there: ObjectInfo, here: ObjectInfo) -> bool:
    """Whether what a double gives can be used as what the provider gives, as far as is known."""
    if here.shape in (Shape.OTHER, Shape.NONE) or there.can & USES & here.can:
        return True
    if not (there.shape.uncalled and here.shape.uncalled):
        return False
    return there.item is None or here.item is None or _fits(there.item, here.item)


def _instead(double: Double) -> str:
    shape = double.there.shape
    if shape is Shape.ASYNC_CONTEXT_MANAGER:
        return (
            'Use "MagicMock()" with "return_value.__aenter__.return_value", '
            'or an "@asynccontextmanager" function'
        )
    if shape in (Shape.ASYNC_GENERATOR, Shape.ASYNC_ITERATOR):
        return "Use an async generator function that yields the double of the session"
    return f"Use a double that gives {shape.value}"


RULE = Rule(
    code="session-mock",
    doc=__doc__,
    reads=(Double,),
    check=check,
)
