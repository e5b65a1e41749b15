"""What an attribute of a value may be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    Decorator,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
    StrExpr,
    SuperExpr,
    TypeInfo,
    Var,
)
from mypy.types import CallableType, Instance, get_proper_type

from mypy_asyncsession.models.pydantic import MODEL_CLASSES
from mypy_asyncsession.semantic.combine import is_none, is_opaque
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import Base, Where, argument_of
from mypy_asyncsession.semantic.interpreter.evidence import denied
from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.syntax import definition_of, statements, walk
from mypy_asyncsession.semantic.values import (
    RECURSIVE,
    UNKNOWN,
    UNSURE,
    BoundMethod,
    CallableReturning,
    ClassValue,
    ContainerValue,
    FunctionValue,
    ManagerFactory,
    ModuleValue,
    NamedValue,
    ObjectValue,
    TypedCallable,
    Value,
    join,
    map_members,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, FuncItem
    from mypy.types import Type

    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

#: The methods of generators and managers that are read by name, whatever class has them.
PROTOCOL_METHODS = frozenset(
    {"__aenter__", "__enter__", "__anext__", "__next__", "__aiter__", "__iter__", "asend", "send"}
)
#: Those of generators alone.
_SENDING = frozenset({"asend", "send"})
#: The classes whose elements are evaluated where a literal is assigned.
_CONTAINERS = frozenset({"dict", "list"})
#: The methods of a metaclass that make a class.
_MAKING = frozenset({"__init__", "__new__", "__prepare__"})
#: The methods of a class that have a say in what its attributes are.
_FORMING = frozenset({"__getattribute__", "__init_subclass__"})


class Attributes(Base):
    """Evaluates attributes."""

    def super_attribute(self, expr: SuperExpr, scope: Scope) -> Value:
        """A method or attribute of the classes after the one around, in its method resolution."""
        for inner in scope.chain():
            if isinstance(inner.node, ClassDef) and inner.parent is not None:
                klass = self.class_of(inner.node, inner.parent)
                if klass.info is None:
                    return UNKNOWN
                receiver = self.instance(klass)
                return self._class_attribute(klass, expr.name, receiver, None, after=True)
        return UNKNOWN

    def member(self, expr: MemberExpr, scope: Scope, where: Where) -> Value:
        """What ``a.b`` may be."""
        base = self.value(expr.expr, scope, where)
        found = self.attribute(base, expr.name)
        owner = expr.expr
        if found is UNKNOWN and isinstance(owner, (MemberExpr, NameExpr)) and owner.name == "state":
            return self._loose(expr, scope)
        return found

    def _loose(self, expr: MemberExpr, scope: Scope) -> Value:
        """``app.state.name``: what this module, or the one that ``app`` is from, assigns to it."""
        modules = [scope.module]
        owner = expr.expr.expr if isinstance(expr.expr, MemberExpr) else None
        if isinstance(owner, NameExpr):
            for inner in scope.chain():
                modules.extend(
                    binding.target[0]
                    for binding in inner.names.bindings.get(owner.name, ())
                    if binding.kind == "from"
                )
        sources = [source for module in modules if (source := self.program.source(module))]
        found = [self.loose(s, expr.name) for s in sources if expr.name in s.loose_attributes()]
        return join(found, exact=False)

    def loose(self, source: ModuleSource, name: str) -> Value:
        """What a module assigns to ``x.state.NAME``."""
        found: list[Value] = []
        for rvalue, chain in source.loose_attributes()[name]:
            scope = source.scope
            for node in chain:
                scope = source.scope_in(node, scope)
            if isinstance(rvalue, NameExpr) and any(
                isinstance(node, FuncDef) and argument_of(node, rvalue.name) for node in chain
            ):
                return UNKNOWN  # each caller may give another
            found.append(self.value(rvalue, scope, None))
        return join(found, exact=False)

    def attribute(self, base: Value, name: str) -> Value:
        """What an attribute of *base* may be."""
        return map_members(base, lambda member: self._attribute(member, name))

    def _attribute(self, base: Value, name: str) -> Value:
        if isinstance(base, ModuleValue):
            return self.module_attribute(base.name, name, None)
        if isinstance(base, NamedValue):
            return NamedValue(f"{base.fullname}.{name}")
        if isinstance(base, ClassValue):
            return self._class_attribute(base, name, base, None)
        if isinstance(base, ObjectValue):
            if base.shape is Shape.SESSIONMAKER and base.by_definition:
                return UNSURE
            if name in _SENDING and base.shape not in (Shape.ASYNC_GENERATOR, Shape.GENERATOR):
                pass  # a stream's own
            elif name in PROTOCOL_METHODS and base.shape is not Shape.OTHER:
                return BoundMethod(base, name)
            if isinstance(base.type, Instance):
                klass = ClassValue(base.type.type.fullname, base.type.type)
                found = self._class_attribute(klass, name, base, base.type)
                is_begin = base.shape is Shape.SESSIONMAKER and name == "begin"
                return self._beginning(base, found) if is_begin else found
        return UNKNOWN

    def _beginning(self, maker: ObjectValue, begin: Value) -> Value:
        """``maker.begin``, which gives a manager of what the maker makes, by any type of it."""
        current = self.program.current
        if current is None or not isinstance(begin, TypedCallable):
            return begin
        manager = self.called(begin, [], current.scope)
        session = self.called(maker, [], current.scope)
        if not isinstance(manager, ObjectValue) or session is UNKNOWN:
            return begin
        return CallableReturning(replace(manager, item=session), begin.origin)

    def _class_attribute(
        self,
        klass: ClassValue,
        name: str,
        receiver: Value,
        type_: Instance | None,
        *,
        after: bool = False,
    ) -> Value:
        info = klass.info
        if info is None:
            return UNKNOWN
        if (
            isinstance(receiver, ObjectValue)
            and not receiver.bare
            and self._is_field(info, name)
            and (receiver.filled or not self._field_default_stands(info, name))
        ):
            return UNKNOWN
        for base in info.mro[1:] if after else info.mro:
            source = self.program.source(base.module_name)
            located = (
                source.class_named(base.fullname[len(base.module_name) + 1 :]) if source else None
            )
            if source is not None and located is None and klass.node is not None:
                # A class inside a function has no place of its own in the module.
                located = None
            if located is None:
                if base.names.get(name) is not None:
                    return self._typed_attribute(base, name, type_)
                continue
            node, scope = located
            assert source is not None
            own = self._own_attribute(source, node, scope, name, receiver)
            if own is not UNKNOWN:
                return own
            if base.names.get(name) is not None:
                return self._typed_attribute(base, name, type_)
        return UNKNOWN

    def _is_field(self, info: TypeInfo, name: str) -> bool:
        """Whether the generated ``__init__`` of a class has a parameter of that name."""
        for base in info.mro:
            entry = base.names.get(name)
            if entry is not None:
                return isinstance(entry.node, Var) and bool(
                    "dataclass" in base.metadata
                    or "attrs" in base.metadata
                    or any(MODEL_CLASSES & {ancestor.fullname} for ancestor in info.mro)
                )
        return False

    def _field_default_stands(self, info: TypeInfo, name: str) -> bool:
        """Whether a call in the module of a class leaves a field to its default."""
        source = self.program.source(info.module_name)
        located = source.class_named(info.name) if source is not None else None
        if source is None or located is None or len(info.mro) > 2:
            return False
        fields = [
            statement.lvalues[0].name
            for statement in located[0].defs.body
            if isinstance(statement, AssignmentStmt)
            and isinstance(statement.lvalues[0], NameExpr)
            and statement.unanalyzed_type is not None
        ]
        return name in fields and any(
            site.leaves_out(fields.index(name), name) for site in source.calls(info.name)
        )

    def _own_attribute(
        self, source: ModuleSource, node: ClassDef, scope: Scope, name: str, receiver: Value
    ) -> Value:
        inner = source.scope_in(node, scope)
        bindings = inner.names.bindings.get(name, [])
        if bindings and isinstance(receiver, ObjectValue):
            described = self._described(self.bound(bindings[-1], inner))
            if described is not None:
                return described
        defs = [binding for binding in bindings if binding.kind in ("def", "class")]
        if defs:
            assert defs[-1].node is not None
            if self._is_replaced(source, node, scope, name):
                return UNSURE
            # ``session = asynccontextmanager(session)`` may stand below the method.
            last = bindings[-1]
            value = self.bound(last, inner)
            if last is not defs[-1] and (value is UNKNOWN or len(last.blocks) > 1):
                return UNSURE
            if isinstance(receiver, ObjectValue) and not (
                isinstance(value, FunctionValue) and value.is_property
            ):
                if name in source.open_attributes(node):
                    return UNSURE
                for _, method in source.attributes(node).get(name, ()):
                    if method is not None:
                        return UNSURE  # the instance has one of its own in the method's place
            return self.bind(value, receiver)
        if bindings and self._is_left_open(source, node, name):
            return UNSURE
        bare = isinstance(receiver, ObjectValue) and receiver.bare
        declared = self.program.symbol(f"{source.module}.{qualname_in(inner, name)}")
        type_ = self.program.type_of(declared) if isinstance(declared, Var) else None
        if isinstance(declared, Var) and informative(type_):
            value = self.types.value(type_)
            if any(denied(method.body, f"self.{name}", value) for method in _methods(node)):
                return UNSURE
            if value is not UNKNOWN and not is_opaque(value):
                if declared.is_inferred and len(source.attributes(node).get(name, ())) > 1:
                    # mypy has inferred it from the first assignment; others may differ.
                    others = self.assigned(source, node, inner, name)
                    known_others = [m for m in members(others) if isinstance(m, ObjectValue)]
                    return join([value, *known_others], exact=False)
                return self._richer(source, node, inner, name, value)
        return self.assigned(source, node, inner, name, bare=bare)

    def _described(self, value: Value) -> Value | None:
        """What a descriptor gives; ``None`` for what is none, or has its source elsewhere."""
        if not isinstance(value, ObjectValue) or value.shape is not Shape.OTHER:
            return None
        if not isinstance(value.type, Instance) or value.type.type.get("__get__") is None:
            return None
        getter = self.attribute(value, "__get__")
        return self.result(getter, [], {}) if isinstance(getter, FunctionValue) else None

    def _is_left_open(self, source: ModuleSource, node: ClassDef, name: str) -> bool:
        """Whether a class leaves an attribute to those that descend from it.

        One that has a class beside it which sets another, and which nobody makes an object of.
        """
        return any(
            name in source.attributes(child) or name in source.open_attributes(child)
            for child in source.subclasses(node.name)
        ) and not source.calls(node.name)

    def _is_replaced(self, source: ModuleSource, node: ClassDef, scope: Scope, name: str) -> bool:
        """Whether a class is given another member in place of the one that its body defines."""
        if name in source.patched(node.name):
            return True  # ``Database.session = asynccontextmanager(Database.session)``
        if any(self._may_replace(each, scope, name) for each in node.decorators):
            return True
        symbol = self.program.symbol(f"{source.module}.{qualname_in(scope, node.name)}")
        if not isinstance(symbol, TypeInfo):
            return False
        metaclass = symbol.metaclass_type
        if metaclass is not None and any(
            method.name in _MAKING and (_sets(method, name) or _sets_elements(method))
            for method in self.program.methods(metaclass.type)
        ):
            return True
        return any(
            method.name == "__getattribute__"
            or (method.name == "__init_subclass__" and base is not symbol and _sets(method, name))
            for base in symbol.mro
            if not _FORMING.isdisjoint(base.names)
            for method in self.program.methods(base)
        )

    def _may_replace(self, decorator: Expression, scope: Scope, name: str) -> bool:
        """Whether a decorator of a class may put another member in the place of one.

        One whose source is not at hand is taken to leave the class as it is, as most do.
        """
        maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
        function = self.value(maker, scope, None)
        if isinstance(function, ClassValue):
            return self.program.source(function.fullname.rpartition(".")[0]) is not None
        if not isinstance(function, FunctionValue):
            return False
        source = self.program.source(function.scope.module)
        inner = source.scope_in(function.node, function.scope) if source else function.scope
        for part in walk(function.node.body):
            if isinstance(part, ClassDef):
                return True  # it may give another class
            if isinstance(part, CallExpr) and part.args:
                helper = self.value(part.callee, inner, None)
                if isinstance(helper, FunctionValue) and _sets(helper.node, name):
                    return True
        return _sets(function.node, name)

    def _richer(
        self, source: ModuleSource, node: ClassDef, scope: Scope, name: str, value: Value
    ) -> Value:
        """What is assigned to an attribute, where mypy's type has lost the definition."""
        if isinstance(value, TypedCallable):
            found = self.assigned(source, node, scope, name)
            if found is not UNKNOWN:
                return found
        if isinstance(value, ObjectValue) and value.label in _CONTAINERS:
            found = self.assigned(source, node, scope, name)
            if isinstance(found, ContainerValue):
                return found
        return value

    def assigned(
        self,
        source: ModuleSource,
        node: ClassDef,
        scope: Scope,
        name: str,
        *,
        bare: bool = False,
    ) -> Value:
        """What the body and the methods of a class assign to one of its attributes.

        Args:
            source: The module of the class.
            node: The class.
            scope: The scope of its body.
            name: The attribute.
            bare: Whether the object was made without arguments, so that its defaults stand.
        """
        circumstances = self._circumstances(scope)
        key = ("attribute", id(node), name, bare, circumstances)
        return self._once(
            key,
            source.module,
            not circumstances,
            lambda: self._assigned(source, node, scope, name, bare=bare),
        )

    def _assigned(
        self, source: ModuleSource, node: ClassDef, scope: Scope, name: str, *, bare: bool
    ) -> Value:
        if name in source.open_attributes(node):
            return UNKNOWN
        found: list[Value] = []
        for rvalue, method in source.attributes(node).get(name, ()):
            inner = scope if method is None else source.scope_in(method, scope)
            place = None
            if method is not None:
                if bare and method.name == "__init__":
                    self.left_out(method, frozenset(), inner)
                place = next(
                    (
                        inner.names.places.get(id(statement))
                        for statement in statements(method.body)
                        if getattr(statement, "rvalue", None) is rvalue
                    ),
                    None,
                )
            found.append(self.value(rvalue, inner, place))
        if RECURSIVE in found:
            return UNKNOWN  # ``self.session = self.session()``: it is now the one, now the other
        known_values = [value for value in found if not is_none(value)]
        return join(known_values, exact=False)

    def bind(self, value: Value, receiver: Value) -> Value:
        """A member of a class as *receiver*, an instance or the class, hands it out."""
        if isinstance(value, FunctionValue):
            if value.is_property:
                return self.result(replace(value, receiver=receiver), [], {})
            if value.is_static:
                return value
            if isinstance(receiver, ClassValue) and not value.is_class:
                return value
            return replace(value, receiver=receiver)
        if isinstance(value, ManagerFactory) and isinstance(value.function, FunctionValue):
            return ManagerFactory(self.bind(value.function, receiver), value.is_async)
        return value

    def declared_attribute(self, expr: MemberExpr, scope: Scope, where: Where) -> Type | None:
        """The type that an attribute is declared with, or ``None``."""
        if self.program.analysed:
            return self.type_of(expr, scope.module)
        owner = self.value(expr.expr, scope, where)
        if not isinstance(owner, ObjectValue) or not isinstance(owner.type, Instance):
            return None
        entry = owner.type.type.get(expr.name)
        if entry is None or not isinstance(entry.node, Var):
            return None
        return self.types.method_type(owner.type, expr.name)

    def _typed_attribute(self, info: TypeInfo, name: str, type_: Instance | None) -> Value:
        entry = info.names.get(name)
        if entry is None or entry.node is None:
            return UNKNOWN
        origin = self.place(
            f"{info.fullname}.{name}",
            self.program.modules.get(info.module_name),
            getattr(entry.node, "line", 1),
        )
        if type_ is not None:
            found = self.types.method_type(type_, name)
        else:
            node = entry.node
            raw = self.program.type_of(node)
            found = get_proper_type(raw) if raw is not None else None
        if found is None or not informative(found):
            return UNKNOWN
        node = entry.node
        is_property = (isinstance(node, Decorator) and node.var.is_property) or (
            isinstance(node, OverloadedFuncDef) and node.is_property
        )
        value = self.types.value(found)
        if isinstance(value, TypedCallable):
            if is_property and isinstance(found, CallableType):
                return self.types.value(found.ret_type)
            return TypedCallable(found, origin)
        return value


def _methods(node: ClassDef) -> Iterator[FuncDef]:
    """The methods of a class."""
    for statement in node.defs.body:
        method = definition_of(statement)
        if method is not None:
            yield method


def _sets_elements(function: FuncDef) -> bool:
    """Whether a function puts something into a dict, such as the names of a class to be made."""
    return any(
        isinstance(node, AssignmentStmt)
        and any(isinstance(each, IndexExpr) for each in node.lvalues)
        for node in walk(function.body)
    )


def _sets(function: FuncItem, name: str) -> bool:
    """Whether a function puts something into an attribute of that name, or one that it computes."""
    for node in walk(function.body):
        if isinstance(node, AssignmentStmt):
            if any(isinstance(each, MemberExpr) and each.name == name for each in node.lvalues):
                return True
        elif (
            isinstance(node, CallExpr)
            and isinstance(node.callee, NameExpr)
            and node.callee.name == "setattr"
            and len(node.args) > 1
        ):
            attribute = node.args[1]
            if not isinstance(attribute, StrExpr) or attribute.value == name:
                return True
    return False
