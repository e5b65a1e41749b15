"""What to say of dependencies that FastAPI cannot even call, or that give nothing to inject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_asyncsession.detectors.dependency_records import Drive, Role
from mypy_asyncsession.semantic.shapes import Can

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.dependency_records import Dependency

UNDRIVABLE: Final = frozenset(
    {
        Drive.ABSTRACT,
        Drive.BARE,
        Drive.CACHED,
        Drive.FACTORY,
        Drive.MISPLACED,
        Drive.REPEATED,
        Drive.TWICE,
        Drive.UNCALLABLE,
        Drive.UNCALLED,
        Drive.UNENTERED,
        Drive.UNSTARTED,
        Drive.UNYIELDED,
    }
)


def undrivable(record: Dependency) -> tuple[str | None, str | None]:
    """The message and the hint, or twice ``None`` where nothing is wrong."""
    if record.drive is Drive.FACTORY:
        return _factory(record)
    if record.drive is Drive.UNSTARTED and record.role is Role.PARAMETER and record.handled:
        return None, None
    return _SAID[record.drive](record)


def _misplaced(record: Dependency) -> tuple[str, str]:
    message = (
        f'"{record.text}" stays what it is here: FastAPI fills in parameters alone, and '
        f'"{record.detail}" is used as what it gives'
    )
    return message, "Make it a parameter of a function that FastAPI calls"


def _uncalled(record: Dependency) -> tuple[str, str]:
    return (
        f'"{record.text}" is not called: FastAPI sees no dependency here',
        f'Write "{record.text}(...)", with the dependency in it',
    )


def _bare(record: Dependency) -> tuple[str, str]:
    if record.text.rpartition(".")[2] in ("Depends", "Security"):
        return _uncalled(record)
    return (
        f'"{record.text}" is not wrapped in "Depends": FastAPI fails on it at start-up',
        f'Write "Depends({record.text})"'
        + (', with "from fastapi import Depends"' if record.detail == "import" else ""),
    )


def _uncallable(record: Dependency) -> tuple[str, str]:
    handed = record.handed
    if record.text == "...":
        message = "What is depended on here cannot be called: FastAPI fails on it at start-up"
        return message, "Depend on a function that returns it"
    if record.callee is None:
        what = f'"{handed.label}" object' if handed is not None and handed.label else "value"
        return (
            f'"{record.text}" is a {what} that cannot be called: FastAPI fails on it at start-up',
            f'Depend on a function that returns it: "lambda: {record.text}"',
        )
    label = handed.label if handed is not None else None
    gets = f'a "{label}" object' if label else "what it returned"
    message = f'"{record.text}" was called: FastAPI needs what it can call itself, and gets {gets}'
    if record.text.endswith("()"):
        return message, f'Write "Depends({record.callee})"'
    return message, "Depend on a function that returns it"


def _unstarted(record: Dependency) -> tuple[str, str]:
    message = (
        f'"{record.text}" gives a connection that nobody has started: FastAPI would inject it as '
        "it is"
    )
    return message, "Depend on an async generator that enters it"


def _factory(record: Dependency) -> tuple[str | None, str | None]:
    if record.role is Role.OVERRIDE:
        return None, None
    if record.role is not Role.LIST and record.mismatch is None:
        return None, None  # the function asks for a function, or says nothing
    consequence = (
        "never call it, and every request would pass"
        if record.role is Role.LIST
        else "inject that as it is"
    )
    return (
        f'"{record.text}" gives a function: FastAPI would {consequence}',
        f'Depend on what it gives: "Depends({record.text}({"..." if record.takes else ""}))"',
    )


def _cached(record: Dependency) -> tuple[str, str]:
    what = record.handed.shape.value if record.handed is not None else "a generator"
    message = (
        f'"{record.text}" is cached: every request after the first would get {what} that is used up'
    )
    return message, "Take the cache away; FastAPI calls a dependency once for each request"


def _abstract(record: Dependency) -> tuple[str, str]:
    return (
        f'"{record.text}" is an abstract class: FastAPI fails on it in every request',
        "Depend on a class that implements it, or on a function that returns one",
    )


def _unyielded(record: Dependency) -> tuple[str, str]:
    message = (
        f'"{record.text}" may return without a yield: FastAPI then fails with "generator didn\'t '
        'yield"'
    )
    return message, 'Yield something, or raise "HTTPException", where it returns'


def _repeated(record: Dependency) -> tuple[str, str]:
    message = (
        f'"{record.text}" goes on to another yield after an exception: FastAPI then fails with '
        '"generator didn\'t stop"'
    )
    return message, "Yield outside of the loop, or leave it after the yield whatever happens"


def _twice(record: Dependency) -> tuple[str, str]:
    message = (
        f'"{record.text}" yields a second time: FastAPI then fails with "generator didn\'t stop"'
    )
    return message, "Return after the first yield"


def _unentered(record: Dependency) -> tuple[str, str]:
    label = record.handed.label if record.handed is not None else None
    keyword = "async with" if record.handed and record.handed.can & Can.ASYNC_ENTER else "with"
    return (
        f'"{label or record.text}" is never entered: its "{record.detail}" is not there before',
        f'Enter "{record.parameter}" in an "{keyword}", or depend on a generator that does',
    )


_SAID: Final = {
    Drive.ABSTRACT: _abstract,
    Drive.BARE: _bare,
    Drive.CACHED: _cached,
    Drive.MISPLACED: _misplaced,
    Drive.REPEATED: _repeated,
    Drive.TWICE: _twice,
    Drive.UNCALLABLE: _uncallable,
    Drive.UNCALLED: _uncalled,
    Drive.UNENTERED: _unentered,
    Drive.UNSTARTED: _unstarted,
    Drive.UNYIELDED: _unyielded,
}
