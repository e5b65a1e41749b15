"""What a name stands for: its bindings, in this module or in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    ClassDef,
    Decorator,
    Expression,
    FuncDef,
    MypyFile,
    OverloadedFuncDef,
    TypeInfo,
    Var,
)
from mypy.types import Type, get_proper_type

from mypy_asyncsession.models.typing import ANNOTATED
from mypy_asyncsession.semantic import unresolved_annotations
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.base import Base, Where, argument_of
from mypy_asyncsession.semantic.scopes import Scope, qualname_in, reaching, reaching_parameter
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    ContainerValue,
    ModuleValue,
    NamedValue,
    ObjectValue,
    Origin,
    TypedCallable,
    Value,
    fullname,
    join,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.bindings import Binding


class Lookup(Base):
    """Looks names up."""

    def name(self, name: str, scope: Scope, where: Where) -> Value:
        """What a name stands for in a scope."""
        current: Scope | None = scope
        place = where
        while current is not None:
            if isinstance(current.node, ClassDef) and current is not scope:
                current = current.parent
                place = None
                continue
            if name not in current.names.outer:
                if current.node is not None and not isinstance(current.node, ClassDef):
                    if name in current.names.probed and not self._ask:
                        if name in current.values:
                            return current.values[name]
                        self.frame.passed_over = True
                        return UNKNOWN
                    bindings = current.names.bindings.get(name)
                    if name in current.values or argument_of(current.node, name) is not None:
                        return self._parameter(name, current, bindings or [], place)
                    if bindings:
                        return self._bound(reaching(bindings, place), current)
                elif current.node is None:
                    return self.module_attribute(current.module, name, place)
                elif name in current.names.bindings:
                    return self._bound(reaching(current.names.bindings[name], place), current)
            current = current.parent
            place = None
        return UNKNOWN

    def _parameter(self, name: str, scope: Scope, bindings: list[Binding], place: Where) -> Value:
        """What a parameter stands for, which the body may bind anew."""
        live, surely = reaching_parameter(bindings, place)
        if surely:
            return self._bound(live, scope)
        given = scope.values.get(name)
        if given is None:
            given = self.parameter(name, scope)
        if not live:
            return given
        if is_none(given):
            return self._bound(live, scope)  # ``if provider is None: provider = get_db``
        return join([given, self._bound(live, scope)], exact=False)

    def _bound(self, bindings: list[Binding], scope: Scope) -> Value:
        values = [self.bound(binding, scope) for binding in bindings]
        if len(values) > 1:
            if all(b.kind in ("from", "import", "def", "class") for b in bindings):
                # ``try: from a import f`` / ``except ImportError: from b import f``: the first
                # that there is.
                found = [
                    (value, binding)
                    for value, binding in zip(values, bindings, strict=True)
                    if value is not UNKNOWN and not isinstance(value, NamedValue)
                ]
                firm = [value for value, binding in found if not binding.fallback]
                if any(b.kind in ("def", "class") and not b.fallback for b in bindings):
                    # Each defines its own, and what is imported beside it decides.
                    firm = [value for value, _ in found]
                values = firm or [value for value, _ in found] or values[:1]
            values = [value for value in values if not is_none(value)] or values[:1]
        return join(values, exact=False)

    def bound(self, binding: Binding, scope: Scope) -> Value:
        """What one binding gives to its name."""
        circumstances = self._circumstances(scope)
        key = ("binding", id(binding), circumstances)
        return self._once(key, scope.module, not circumstances, lambda: self._bind(binding, scope))

    def _bind(self, binding: Binding, scope: Scope) -> Value:
        node = binding.node
        if binding.kind == "from":
            module, name = binding.target
            assert name is not None
            return self.module_attribute(module, name, None)
        if binding.kind == "import":
            return ModuleValue(binding.target[0])
        if binding.kind == "def":
            assert node is not None
            return self.defined(node, scope)
        if binding.kind == "class":
            assert isinstance(node, ClassDef)
            return self.class_of(node, scope)
        if binding.kind == "other" or not isinstance(node, Expression):
            return UNKNOWN
        value = self.value(node, scope, binding.blocks)
        if binding.kind == "assign":
            if binding.element is None:
                return value
            if isinstance(value, ContainerValue):
                return self.element(value, binding.element)
            return UNKNOWN
        if binding.element is not None:
            return UNKNOWN
        if binding.kind in ("with", "async with"):
            return self.entered(value)
        return self.iterated(value)

    def class_of(self, node: ClassDef, scope: Scope) -> ClassValue:
        """The class that a statement in a scope defines."""
        qualname = qualname_in(scope, node.name)
        fullname = f"{scope.module}.{qualname}"
        return ClassValue(fullname, self.program.class_record(node, fullname, scope), node)

    def module_attribute(self, module: str, name: str, where: Where) -> Value:
        """What *name* stands for in a module: at its end, or at *where* in its body."""
        key = ("global", module, name, where)
        return self._once(key, module, True, lambda: self._module_attribute(module, name, where))

    def _module_attribute(self, module: str, name: str, where: Where) -> Value:
        if where is None and module != self._current():
            # A class is what mypy says that it is: its module need not be read for that.
            symbol = self.program.entry(module, name)
            if isinstance(symbol, TypeInfo):
                return ClassValue(symbol.fullname, symbol)
        source = self.program.source(module)
        if source is not None:
            bindings = source.scope.names.bindings.get(name)
            if bindings:
                live = reaching(bindings, where) if where is not None else _last(bindings)
                value = self._bound(live, source.scope)
                if name in source.put_by_name() and where is None:
                    return UNSURE
                again = source.rebound().get(name) if where is None else None
                if again:
                    others = [self.bound(binding, scope) for binding, scope in again]
                    options = [v for v in (value, *others) if not is_none(v)]
                    value = join(options, exact=False)
                if value is UNKNOWN:
                    return self._symbol(module, name)
                if isinstance(value, ObjectValue) and value.origin is None:
                    return value
                return value
            if f"{module}.{name}" in self.program.modules:
                return ModuleValue(f"{module}.{name}")
            for star in source.scope.names.stars:
                if name.startswith("_"):
                    continue
                value = self.module_attribute(star, name, None)
                if value is not UNKNOWN and not isinstance(value, NamedValue):
                    return value
            if name in ("__name__", "__file__", "__doc__"):
                return UNKNOWN
            return self._symbol("builtins", name)
        return self._symbol(module, name)

    def _symbol(self, module: str, name: str) -> Value:
        fullname = f"{module}.{name}"
        tree = self.program.modules.get(module)
        if tree is None:
            return NamedValue(fullname)
        node = self.program.entry(module, name)
        if node is None:
            if fullname in self.program.modules:
                return ModuleValue(fullname)
            return UNKNOWN
        if isinstance(node, MypyFile):
            return ModuleValue(node.fullname)
        if isinstance(node, TypeInfo):
            return ClassValue(node.fullname, node)
        if isinstance(node, Var):
            if node.fullname in ANNOTATED:
                return NamedValue(node.fullname)  # its type is that of every special form
            type_ = self.program.type_of(node)
            if node.is_suppressed_import or not informative(type_):
                if node.fullname and not node.fullname.startswith(module + "."):
                    return NamedValue(node.fullname)
                return NamedValue(fullname) if node.is_suppressed_import else UNKNOWN
            value = self.types.value(type_)
            if isinstance(value, TypedCallable):
                return TypedCallable(value.type, self.place(node.fullname, tree))
            return value
        return self.semantic(node)

    def semantic(self, node: object) -> Value:
        """A function of which only mypy's symbol is at hand."""
        if not isinstance(node, (Decorator, FuncDef, OverloadedFuncDef)):
            return UNKNOWN
        fullname = node.fullname
        declared = self.program.type_of(node)
        type_ = get_proper_type(declared) if declared is not None else None
        module, _ = self.program.split(fullname)
        tree = self.program.modules.get(module)
        if type_ is None:
            return NamedValue(fullname)
        return TypedCallable(type_, self.place(fullname, tree, getattr(node, "line", 1)))

    def place(self, fullname: str, tree: MypyFile | None, line: int = 1) -> Origin | None:
        """Where something is defined, in the module of a tree."""
        if tree is None:
            return None
        _, name = self.program.split(fullname)
        return Origin(name, fullname, tree.path, line)

    def annotated(self, type_: Type, scope: Scope) -> Value:
        """What an annotation says that mypy could not analyse, because a package is missing."""
        return unresolved_annotations.annotated(
            type_, lambda name: self.resolve(name, scope), self.types.resources
        )

    def resolve(self, dotted: str, scope: Scope) -> str | None:
        """The full name of what a dotted name in *scope* stands for, or ``None``."""
        first, *rest = dotted.split(".")
        value = self.name(first, scope, None)
        for part in rest:
            value = self.attribute(value, part)
        return fullname(value)


def _last(bindings: list[Binding]) -> list[Binding]:
    """The bindings that hold at the end of a body."""
    result: list[Binding] = []
    for binding in bindings:
        if len(binding.blocks) <= 1:
            result = [binding]
        else:
            result.append(binding)
    return result
