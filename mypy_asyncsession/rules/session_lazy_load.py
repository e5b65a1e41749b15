"""A relationship that would be loaded lazily through an async session.

## What it does
Rejects the read of a relationship of an instance that a `select` or `get` of the same function has
loaded through an async session without it: no loader option names it, its `lazy` is the default,
and nothing on the way loads, refreshes or sets it. Where anything on the way is out of sight
(options from elsewhere, a function that is given the instance or the session, a many-to-one whose
other end the session may hold), nothing is said.

## Why is this bad
A lazy load is a query from within an attribute, and an attribute cannot be awaited: SQLAlchemy
raises `MissingGreenlet`. A `join` loads nothing.

## Example
```python
class Base(DeclarativeBase): ...


class User(Base):
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    posts: Mapped[list["Post"]] = relationship()


class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))


async def count(session: AsyncSession) -> int:
    user = (await session.scalars(select(User))).one()
    return len(user.posts)
```

## Use instead
```python
async def count(session: AsyncSession) -> int:
    user = (await session.scalars(select(User).options(selectinload(User.posts)))).one()
    return len(user.posts)
```
"""

from __future__ import annotations

from mypy_asyncsession.detectors.time_records import LazyLoad
from mypy_asyncsession.rules.rule import Problem, Rule


def check(load: LazyLoad) -> Problem | None:
    """Whether a relationship would be loaded lazily."""
    message = (
        f'"{load.text}" would be loaded lazily, which an async session cannot do: '
        f'line {load.made.line} loads "{load.entity}" without it'
    )
    option = f"selectinload({load.entity}.{load.attribute})"
    if load.of_get:
        hint = f'Add "options=[{option}]" to "{load.made_text}" in line {load.made.line}'
    else:
        hint = f'Add ".options({option})" to "{load.made_text}" in line {load.made.line}'
    return Problem(message, hint, None)


RULE = Rule(
    code="session-lazy-load",
    summary="a relationship that would be loaded lazily through an async session",
    doc=__doc__,
    reads=(LazyLoad,),
    check=check,
)
