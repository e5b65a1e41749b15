"""A dependency that injects something of another type than the parameter's.

## What it does
Compares what FastAPI injects (what a generator yields, a coroutine's result, a function's return
value, an instance of a class) with the annotation of the parameter, as mypy does for an
assignment. It does so for any type. ``Any`` fits everything, and security schemes, which return
``str | None`` by type alone, are left out.

## Why is this bad
``Depends`` returns ``Any``, so that no type checker compares the two, and FastAPI does not either.

## Example
```python
def get_user_id() -> int: ...


@app.get("/")
def root(user_id: Annotated[str, Depends(get_user_id)]) -> str:
    return user_id.upper()
```

## Use instead
```python
@app.get("/")
def root(user_id: Annotated[int, Depends(get_user_id)]) -> str:
    return str(user_id)
```

## How it shows
- ``AttributeError: 'int' object has no attribute 'upper'``
- ``AttributeError: 'dict' object has no attribute 'is_active'``

## See also
``session-depends``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.dependency_records import Dependency, Role
from mypy_asyncsession.rules import session_depends
from mypy_asyncsession.rules.rule import Problem, Rule


def check(record: Dependency) -> Problem | None:
    """Whether what is injected does not fit the parameter."""
    if record.mismatch is None or session_depends.check(record) is not None:
        return None
    if not all(map(session_depends.is_wrong, record.beside)):
        return None
    found, wanted = record.mismatch
    if record.role is Role.OVERRIDE:
        instead = f'"{record.detail}", which gives "{wanted}"'
        return Problem(
            f'"{record.text}" gives "{found}" in place of {instead}',
            f'Override it with what gives "{wanted}"',
            record.handed.place if record.handed else None,
        )
    message = f'"{record.text}" injects "{found}", the parameter is annotated "{wanted}"'
    if record.callable_class:
        given = "..." if record.takes else ""
        hint: str | None = f'To have an instance called, write "Depends({record.text}({given}))"'
    elif record.helped:
        hint = f'Give it what gives "{wanted}"'
    elif record.annotation is not None:
        hint = (
            f'Annotate the parameter with "{record.annotation}", or depend on what gives "{wanted}"'
        )
    else:
        hint = f'Depend on what gives "{wanted}"'
    return Problem(message, hint, record.handed.place if record.handed else None)


RULE = Rule(
    code="depends-type",
    doc=__doc__,
    reads=(Dependency,),
    check=check,
)
