"""A provider whose annotation does not say what it hands out.

## What it does
Rejects the definition of a provider of sessions that has no return annotation, one that leaves
open what the provider hands out, or one that is wrong; and says the right one.

## Why is this bad
To its callers an unannotated function is ``Any``: no checker sees how they use it, and no reader
knows whether to enter it, to iterate over it or to await it.

## Example
```python
async def get_db():
    async with SessionLocal() as session:
        yield session


def get_session():
    return get_db()
```

## Use instead
```python
async def get_db() -> AsyncGenerator[AsyncSession, None]:
    async with SessionLocal() as session:
        yield session


def get_session() -> AsyncGenerator[AsyncSession, None]:
    return get_db()
```

## How it shows
It does not show: nothing is raised.

## See also
``session-override``, ``session-probe``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.provider_records import Annotated, Getter
from mypy_asyncsession.rules.rule import Problem, Rule

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo

_SAYS = {
    Annotated.MISSING: "has no return annotation: it gives {shape}",
    Annotated.VAGUE: 'is annotated as "{written}", which leaves open that it gives {shape}',
    Annotated.WRONG: 'is annotated as "{written}", but gives {shape}',
}


def check(getter: Getter) -> Problem | None:
    """A provider of sessions that is not annotated precisely."""
    if getter.annotated is Annotated.PRECISE or not _gives_session(getter.handed):
        return None
    shape = getter.handed.shape.value
    if getter.holds is not None and getter.holds != getter.handed.label:
        shape = f"{shape} of {getter.holds}"
    says = _SAYS[getter.annotated].format(written=getter.written, shape=shape)
    return Problem(f'"{getter.name}" {says}', _instead(getter), getter.place)


def _instead(getter: Getter) -> str | None:
    if getter.right is None:
        return None
    imports = "; ".join(f"from {module} import {name}" for module, name in getter.imports)
    return f'Annotate it: "-> {getter.right}"' + (f" ({imports})" if imports else "")


def _gives_session(handed: ObjectInfo | None) -> bool:
    while handed is not None:
        if handed.resource is not None:
            return True
        handed = handed.item
    return False


RULE = Rule(
    code="session-getter",
    doc=__doc__,
    reads=(Getter,),
    check=check,
)
