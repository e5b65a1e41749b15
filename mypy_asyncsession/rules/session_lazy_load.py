"""A relationship that would be loaded lazily through an async session.

## What it does
Rejects the read of a relationship of an instance that a `select` or `get`, of the same function or
of one that it awaits, has loaded through an async session without it, be it one that the other
function has opened and closed: no loader option names it,
its `lazy` is the default, and nothing on the way loads, refreshes or sets it. So it does with a
collection of a new instance that was neither passed nor touched before the instance was flushed or
committed, and with what is assigned to a collection that is not loaded. What a method or a property
of the instance surely reads counts, and so does what a function of the same module does that is
given it. Where anything on the way
is out of sight (options from elsewhere, a function that is given the instance or the session, a
many-to-one whose other end the session may hold), nothing is said.

## Why is this bad
A lazy load is a query from within an attribute, and an attribute cannot be awaited: SQLAlchemy
raises `MissingGreenlet`. A `join` loads nothing, and what is assigned to a collection that is not
loaded loads it first.

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

## How it shows
- ``MissingGreenlet: greenlet_spawn has not been called; can't call await_only() here. Was IO
  attempted in an unexpected place?``
- ``StatementError: (sqlalchemy.exc.MissingGreenlet) greenlet_spawn has not been called; can't
  call await_() here``
- ``DetachedInstanceError: Parent instance is not bound to a Session; lazy load operation of
  attribute cannot proceed``

## See also
``session-expired``
"""

from __future__ import annotations

from mypy_asyncsession.detectors.time_records import Lacking, LazyLoad
from mypy_asyncsession.rules.rule import Problem, Rule


def check(load: LazyLoad) -> Problem | None:
    """Whether a relationship would be loaded lazily."""
    line = load.made.line
    read = f'"{load.text}"'
    if load.reader is not None:
        read += f', which "{load.reader}" reads,'
    if load.assigned:
        read = f"What {read} had before the assignment"
    message = f"{read} would be loaded lazily, which an async session cannot do: "
    path = (*load.through, f"{load.entity}.{load.attribute}")
    option = ".".join(f"selectinload({step})" for step in path)
    if load.how is Lacking.NEW:
        message += f'"{load.instance}" is new, and was written without it'
        hint = f'Write "await {load.session}.refresh({load.instance}, ["{load.attribute}"])" before'
    else:
        place = f'"{load.place.fullname}"' if load.place is not None else f"line {line}"
        message += f'{place} loads "{load.entity}" without it'
        added = f"options=[{option}]" if load.how is Lacking.GET else f".options({option})"
        hint = f'Add "{added}" to "{load.made_text}" in {place}'
        if not load.nameable:
            hint = f'Let "{load.made_text}" in {place} load that of "{load.entity}" as well'
    return Problem(message, hint, None)


RULE = Rule(
    code="session-lazy-load",
    doc=__doc__,
    reads=(LazyLoad,),
    check=check,
)
