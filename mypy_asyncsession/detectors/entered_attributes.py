"""Attributes that hold a session in an object once it is entered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import TypeInfo, Var

from mypy_asyncsession.detectors.held_sessions import is_session

if TYPE_CHECKING:
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter


class EnteredAttributes:
    """Finds the attributes of classes that only entering sets."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._opened: dict[str, set[str]] = {}

    def set_by_entering(self, info: TypeInfo) -> set[str]:
        """The attributes that hold a session in objects of a class once they are entered."""
        known = self._opened.get(info.fullname)
        if known is None:
            known = self._opened[info.fullname] = self._find_set_by_entering(info)
        return known

    def _find_set_by_entering(self, info: TypeInfo) -> set[str]:
        if info.get("__aenter__") is None and info.get("__enter__") is None:
            return set()
        if any(info.get(each) for each in ("__getattr__", "__slots__")) or len(info.mro) > 2:
            return set()
        source = self._interpreter.program.source(info.module_name)
        located = source.class_named(info.name) if source is not None else None
        if source is None or located is None:
            return set()
        return {
            name
            for name, assigned in source.attributes(located[0]).items()
            if all(
                method is not None and method.name in ("__aenter__", "__enter__")
                for _, method in assigned
            )
            and name not in source.open_attributes(located[0])
            and is_session(self._declared(info, name), self._interpreter.types)
        }

    def _declared(self, info: TypeInfo, name: str) -> Type | None:
        entry = info.names.get(name)
        if entry is None or not isinstance(entry.node, Var):
            return None
        return self._interpreter.program.type_of(entry.node)
