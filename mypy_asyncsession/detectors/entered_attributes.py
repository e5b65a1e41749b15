"""Attributes that an object has once it is entered, a session among them."""

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
        """The attributes of a class that only entering sets, if one of them holds a session."""
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
        found = {
            name
            for name, assigned in source.attributes(located[0]).items()
            if all(
                method is not None and method.name in ("__aenter__", "__enter__")
                for _, method in assigned
            )
            and name not in source.open_attributes(located[0])
            and self._is_variable(info, name)
        }
        types = self._interpreter.types
        return (
            found if any(is_session(self._declared(info, each), types) for each in found) else set()
        )

    def _is_variable(self, info: TypeInfo, name: str) -> bool:
        """Whether no property, and no method, stands in the class for an attribute."""
        entry = info.names.get(name)
        return entry is None or isinstance(entry.node, Var)

    def _declared(self, info: TypeInfo, name: str) -> Type | None:
        entry = info.names.get(name)
        if entry is None or not isinstance(entry.node, Var):
            return None
        return self._interpreter.program.type_of(entry.node)
