"""Which instances a method of a session may load again, by the statement that it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, CallExpr, IntExpr, MemberExpr, NameExpr
from mypy.types import Instance

from mypy_asyncsession.models.mapping import FUNCTIONS, KEEPS_ENTITIES, KEEPS_WRITTEN, SELECT
from mypy_asyncsession.semantic.cfg import Graph
from mypy_asyncsession.semantic.mapped_classes import LOADED_WITH_INSTANCE
from mypy_asyncsession.semantic.values import ClassValue, ObjectValue, fullname, members

if TYPE_CHECKING:
    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.acts import Act, Asked
    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.mapped_classes import MappedClass, MappedClasses
    from mypy_asyncsession.semantic.object_identity import Objects
    from mypy_asyncsession.semantic.values import Value

#: The methods that are given a statement.
_QUERYING: Final = frozenset({"exec", "execute", "scalar", "scalars", "stream", "stream_scalars"})
_GETTING: Final = frozenset({"get", "get_one"})
#: The functions that make a statement that loads no instance, unless something is returned.
_NO_ENTITIES: Final = frozenset({"delete", "insert", "text", "update"})
#: The methods of a statement that leave open what it loads no more than it was.
_KEEPING: Final = (KEEPS_ENTITIES | KEEPS_WRITTEN) - {"options"}
#: The functions that make an expression, and no entity.
_COLUMNS: Final = frozenset({"cast", "distinct", "exists", "literal", "text"})
_DEPTH: Final = 6


class Reloading:
    """Says what a call of a session's method may load."""

    def __init__(self, objects: Objects, mapped: MappedClasses) -> None:
        self._objects = objects
        self._mapped = mapped
        self._loaded: dict[Asked, list[MappedClass] | None] = {}

    def may_load(self, act: Act, mapped: MappedClass) -> bool:
        """Whether what is done may load an instance of a class that is there, and has expired.

        Args:
            act: What is done with the session.
            mapped: The class.
        """
        asked = act.asked
        if asked is None:
            return True
        if asked not in self._loaded:
            self._loaded[asked] = self._loads(act.method, asked)
        loaded = self._loaded[asked]
        return loaded is None or any(_may_be(each, mapped) for each in loaded)

    def _loads(self, method: str, asked: Asked) -> list[MappedClass] | None:
        """The classes of which a call may load instances; ``None`` where that is not known."""
        call = asked.call
        if any(kind.is_star() for kind in call.arg_kinds):
            return None
        if method in _QUERYING and call.args:
            return self._selected(call.args[0], asked.body, asked.at)
        if method in _GETTING and "options" not in call.arg_names:
            return self._entity(call.args[0], asked.body, asked.at) if call.args else None
        if method == "refresh" and len(call.args) == 1:
            return self._instance(call.args[0], asked.body, asked.at)
        return None

    def value(self, expression: Expression, body: FunctionBody, at: int) -> Value:
        """What an expression may be."""
        return self._objects.value(expression, body, at)

    def makes_instance(self, call: CallExpr, body: FunctionBody, at: int) -> bool:
        """Whether a call makes an instance of a mapped class."""
        klass = self._objects.value(call.callee, body, at)
        return isinstance(klass, ClassValue) and self._mapped.of_class(klass) is not None

    def _selected(
        self, statement: Expression, body: FunctionBody, at: int, depth: int = 0
    ) -> list[MappedClass] | None:
        """The classes of which a statement loads instances; ``None`` where that is not known."""
        if depth > _DEPTH:
            return None
        if isinstance(statement, NameExpr):
            found: list[MappedClass] = []
            reaching = body.bindings.reaching(at, statement.name)
            for defined in reaching:
                node = body.graph.points[defined].node
                if defined == Graph.ENTRY or not isinstance(node, AssignmentStmt):
                    return None
                each = self._selected(node.rvalue, body, defined, depth + 1)
                if each is None:
                    return None
                found += each
            return found if reaching else None
        if not isinstance(statement, CallExpr):
            return None
        name = _of_library(self._objects.value(statement.callee, body, at))
        if name == SELECT:
            return self._entities(statement, body, at)
        if name in _NO_ENTITIES:
            return []
        callee = statement.callee
        if isinstance(callee, MemberExpr) and callee.name in _KEEPING:
            return self._selected(callee.expr, body, at, depth + 1)
        return None

    def _entities(self, select: CallExpr, body: FunctionBody, at: int) -> list[MappedClass] | None:
        found: list[MappedClass] = []
        for argument in select.args:
            if self._is_column(argument, body, at):
                continue
            each = self._entity(argument, body, at)
            if each is None:
                return None
            found += each
        return found

    def _entity(
        self, argument: Expression, body: FunctionBody, at: int
    ) -> list[MappedClass] | None:
        value = self._objects.value(argument, body, at)
        return self._of_class(value) if isinstance(value, ClassValue) else None

    def _instance(
        self, argument: Expression, body: FunctionBody, at: int
    ) -> list[MappedClass] | None:
        """The class of what is refreshed."""
        found: list[MappedClass] = []
        for each in members(self._objects.value(argument, body, at)):
            type_ = each.type if isinstance(each, ObjectValue) else None
            if not isinstance(type_, Instance):
                return None
            one = self._of_class(ClassValue(type_.type.fullname, type_.type))
            if one is None:
                return None
            found += one
        return found or None

    def _of_class(self, klass: ClassValue) -> list[MappedClass] | None:
        """A class, if its instances bring none of another along."""
        mapped = self._mapped.of_class(klass)
        if mapped is None or not mapped.complete:
            return None
        ways = {each.lazy for each in mapped.relationships.values()}
        if None in ways or not ways.isdisjoint(LOADED_WITH_INSTANCE):
            return None
        return [mapped]

    def _is_column(self, argument: Expression, body: FunctionBody, at: int) -> bool:
        """``User.id``, ``func.count(User.id)``: what brings no instance."""
        if isinstance(argument, IntExpr):
            return True
        if isinstance(argument, CallExpr):
            callee = argument.callee
            if _of_library(self._objects.value(callee, body, at)) in _COLUMNS:
                return True
            if not isinstance(callee, MemberExpr):
                return False
            if isinstance(callee.expr, CallExpr):  # ``func.count(User.id).label("n")``
                return self._is_column(callee.expr, body, at)
            return self._is_function(callee, body, at)
        if not isinstance(argument, MemberExpr):
            return False
        owner = self._objects.value(argument.expr, body, at)
        mapped = self._mapped.of_class(owner) if isinstance(owner, ClassValue) else None
        return mapped is not None and argument.name in mapped.columns

    def _is_function(self, callee: MemberExpr, body: FunctionBody, at: int) -> bool:
        """``func.count``, whatever the function."""
        functions = callee.expr
        value = self._objects.value(functions, body, at)
        type_ = value.type if isinstance(value, ObjectValue) else None
        name = type_.type.fullname if isinstance(type_, Instance) else fullname(value)
        if name is None and isinstance(functions, MemberExpr):  # of a module, without its types
            module = fullname(self._objects.value(functions.expr, body, at))
            name = f"{module}.{functions.name}"
        return name in FUNCTIONS


def _may_be(loaded: MappedClass, mapped: MappedClass) -> bool:
    """Whether an instance of one class may be one of another."""
    return loaded.fullname in mapped.bases or mapped.fullname in loaded.bases


def _of_library(value: Value) -> str | None:
    """The name of a function of SQLAlchemy's or SQLModel's, wherever it was imported from."""
    name = fullname(value) or ""
    return name.rpartition(".")[2] if name.startswith(("sqlalchemy.", "sqlmodel.")) else None
