"""Which classes are sessions: SQLAlchemy's, and those that the application names.

SQLAlchemy's are known by name, so that nothing has to be imported to recognise them.
"""

from __future__ import annotations

import sys
from abc import ABCMeta
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: What counts as a session if nothing is configured, as in the static checks.
DEFAULT: Final = (
    "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.AsyncConnection",
    "sqlalchemy.ext.asyncio.async_scoped_session",
    "sqlalchemy.orm.Session",
    "sqlalchemy.orm.scoped_session",
    "sqlmodel.ext.asyncio.session.AsyncSession",
    "sqlmodel.orm.session.Session",
)
_SESSIONMAKERS: Final = ("sqlalchemy.ext.asyncio.async_sessionmaker", "sqlalchemy.orm.sessionmaker")
#: Objects that stand for a session by handing every attribute on to one.
_PROXIES: Final = {
    "AsyncSession": "sqlalchemy.ext.asyncio.async_scoped_session",
    "Session": "sqlalchemy.orm.scoped_session",
}


class Resources:
    """The classes that count as sessions, with their subclasses.

    Args:
        extra: Classes, or their full names, besides SQLAlchemy's own. A name counts for a class
            that is defined in that module or below that package, so that
            ``asyncpg.Connection`` means ``asyncpg.connection.Connection``.

    Raises:
        ValueError: A name is not the full name of a class.
    """

    def __init__(self, extra: Iterable[str | type] = ()) -> None:
        given = [extra] if isinstance(extra, (str, type)) else list(extra)
        self._classes = tuple(each for each in given if isinstance(each, type))
        self._names = DEFAULT + tuple(each for each in given if isinstance(each, str))
        for name in self._names:
            if not all(part.isidentifier() for part in name.split(".")) or "." not in name:
                raise ValueError(
                    f'"{name}" is not the full name of a class, such as "sqlalchemy.orm.Session"'
                )
        self._known: WeakKeyDictionary[type, bool] = WeakKeyDictionary()

    def include(self, class_: type) -> bool:
        """Whether instances of a class are sessions."""
        known = self._known.get(class_)
        if known is None:
            known = any(
                base in self._classes or any(is_named(base, name) for name in self._names)
                for base in class_.__mro__
            )
            self._known[class_] = known
        return known

    def hold(self, given: object, *, quietly: bool = False) -> bool:
        """Whether an object is a session, or says to ``isinstance`` that it is one.

        asyncpg's pool hands out objects of a class that does so for ``asyncpg.Connection``.

        Args:
            given: The object.
            quietly: Ask no object for its class: what stands for another one may run any code.
        """
        if self.include(type(given)):
            return True
        return any(
            _is_instance(given, class_)
            for class_ in (*self._classes, *self._loaded())
            if not quietly or type(class_) not in (type, ABCMeta)
        )

    def _loaded(self) -> Iterator[type]:
        """The classes that are named, as far as their modules are loaded."""
        for name in self._names:
            module, _, attribute = name.rpartition(".")
            class_ = getattr(sys.modules.get(module), attribute, None)
            if isinstance(class_, type):
                yield class_

    def named(self, name: str) -> bool:
        """Whether one of them has this name, the module aside."""
        return any(each.rpartition(".")[2] == name for each in self._names) or any(
            each.__name__ == name for each in self._classes
        )

    def have(self, attribute: str) -> bool:
        """Whether a class that was given, or is named and loaded, has an attribute of that name."""
        extra = [each for each in self._loaded() if not any(is_named(each, n) for n in DEFAULT)]
        return any(hasattr(each, attribute) for each in (*self._classes, *extra))


def _is_instance(given: object, class_: type) -> bool:
    try:
        return isinstance(given, class_)
    except Exception:  # noqa: BLE001 - whatever it answers with, it is no yes
        return False


def is_named(class_: type, fullname: str) -> bool:
    """Whether a class is what a full name means, be it re-exported from where it is defined."""
    module, _, name = fullname.rpartition(".")
    if class_.__qualname__ != name:
        return False
    defined = class_.__module__
    return defined == module or defined.startswith(f"{module}.")


def is_sessionmaker(class_: type) -> bool:
    """Whether a class is one of SQLAlchemy's sessionmakers."""
    return any(is_named(base, name) for base in class_.__mro__ for name in _SESSIONMAKERS)


def is_scoped(class_: type, name: str) -> bool:
    """Whether instances hand every attribute on to a session of the class of that name.

    Args:
        class_: The class, such as ``async_scoped_session``.
        name: The name of the session's class, such as ``AsyncSession``.
    """
    proxy = _PROXIES.get(name)
    return proxy is not None and any(is_named(base, proxy) for base in class_.__mro__)


def is_mock(class_: type) -> bool:
    """Whether a class is one of the mocks of ``unittest.mock``, which are what a test says."""
    return any(is_named(base, "unittest.mock.NonCallableMock") for base in class_.__mro__)
