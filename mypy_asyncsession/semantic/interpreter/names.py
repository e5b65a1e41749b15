"""What a name stands for: its bindings, in this module or in another one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.nodes import ArgKind, CallExpr, ClassDef, Expression, FuncItem, NameExpr, TypeInfo
from mypy.types import Instance, NoneType, has_type_vars

from mypy_asyncsession.semantic.bindings import ITERATING
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.combine import is_none
from mypy_asyncsession.semantic.from_mypy_types import informative
from mypy_asyncsession.semantic.interpreter.containers import element, values_of
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.interpreter.definitions import defined
from mypy_asyncsession.semantic.interpreter.instances import class_of
from mypy_asyncsession.semantic.interpreter.lazy_names import lazy_name
from mypy_asyncsession.semantic.interpreter.narrowing import past_tests
from mypy_asyncsession.semantic.interpreter.parameters import parameter
from mypy_asyncsession.semantic.interpreter.protocols import awaited, entered, iterated, unpacked
from mypy_asyncsession.semantic.interpreter.symbols import symbol
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.value_identity import environment
from mypy_asyncsession.semantic.values import (
    UNKNOWN,
    UNSURE,
    ClassValue,
    ContainerValue,
    FunctionValue,
    LiteralValue,
    ModuleValue,
    NamedValue,
    ObjectValue,
    Value,
    fullname,
    join,
)

if TYPE_CHECKING:
    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.interpreter.context import Context, Where
    from mypy_asyncsession.semantic.scopes import Scope


def name_expression(expr: NameExpr, at: Context) -> Value:
    """What a name that is used as an expression may be."""
    if expr.name == "None":
        return ObjectValue(Shape.NONE, type=NoneType(), label="None")
    if at.is_typed:
        return named(expr.name, at)
    if expr.name in ("False", "True"):
        return LiteralValue(expr.name == "True", expr)
    return past_tests(expr, named(expr.name, at), at)


def named(name: str, at: Context) -> Value:
    """What a name stands for."""
    current: Scope | None = at.scope
    place = at.where
    while current is not None:
        if isinstance(current.node, ClassDef) and current is not at.scope:
            current = current.parent
            place = None
            continue
        if name not in current.names.outer:
            if current.node is not None and not isinstance(current.node, ClassDef):
                if name in current.names.probed and not at.frame.evaluator.asks:
                    if name in current.values:
                        return current.values[name]
                    at.frame.trace.passed_over = True
                    return UNKNOWN
                bindings = current.names.bindings.get(name)
                if name in current.values or argument_of(current.node, name) is not None:
                    return _shared(name, _parameter(name, at.within(current, place)), current, at)
                if bindings:
                    return _shared(name, _reaching(name, at.within(current, place)), current, at)
            elif current.node is None:
                return module_attribute(current.module, name, place, at)
            elif name in current.names.bindings:
                return _reaching(name, at.within(current, place))
        current = current.parent
        place = None
    return UNKNOWN


def _shared(name: str, value: Value, scope: Scope, at: Context) -> Value:
    """What a name of a function may be, beside its own bindings those of functions inside it."""
    source = at.source(scope.module)
    if source is None or not isinstance(scope.node, FuncItem):
        return value
    again = source.rebound_inside(name, scope.node)
    if not again:
        return value
    others = [bound(binding, at.within(inner)) for binding, inner in again]
    joined = join([each for each in (value, *others) if not is_none(each)], exact=False)
    if joined is UNKNOWN and name not in scope.names.annotated:
        return UNSURE  # mypy goes by the first of them
    return joined


def _reaching(name: str, at: Context) -> Value:
    """What a body has bound a name to where it is used."""
    bindings = at.scope.names.bindings[name]
    if len(bindings) > 1 or "comprehension" in bindings[0].kind:
        source = at.source(at.scope.module)
        if source is not None:
            # Where it is bound later alone, what is there to be found is a round of a loop ago.
            live, _ = source.bindings_at(name, at.scope, at.where)
            bindings = live or [each for each in bindings if "comprehension" not in each.kind]
    return _annotated(name, _bound(bindings, at), at)


def _annotated(name: str, value: Value, at: Context) -> Value:
    """What a variable may be: what it is given, or what it is annotated with.

    What it is given says more, but for what a class is generic in.
    """
    written = at.scope.names.annotated.get(name)
    if written is None or isinstance(at.scope.node, ClassDef):
        return value
    is_empty = isinstance(value, ContainerValue) and not value.entries
    if value is not UNKNOWN and not is_empty and not _is_generic(value):
        return value
    source = at.source(at.scope.module) if is_empty else None
    if source is not None and name in source.stored():
        return value  # what is put into it says more
    type_ = at.program.annotation(written, at.scope)
    if not informative(type_):
        return value
    declared = at.types.value(type_)
    if is_empty and declared is not UNKNOWN:
        return declared
    if not isinstance(value, ObjectValue) or not isinstance(declared, ObjectValue):
        return declared if value is UNKNOWN else value
    one, other = value.type, declared.type
    same = isinstance(one, Instance) and isinstance(other, Instance) and one.type is other.type
    return declared if same else value


def _is_generic(value: Value) -> bool:
    """Whether an object is of a generic class, and it is not known what for."""
    return isinstance(value, ObjectValue) and value.type is not None and has_type_vars(value.type)


def _parameter(name: str, at: Context) -> Value:
    """What a parameter stands for, which the body may bind anew."""
    live: list[Binding] = []
    surely = False
    source = at.source(at.scope.module) if name in at.scope.names.bindings else None
    if source is not None:
        live, surely = source.bindings_at(name, at.scope, at.where)
    if surely:
        return _bound(live, at)
    given = at.scope.values.get(name)
    if given is None:
        given = parameter(name, at)
    if not live:
        return given
    if is_none(given):
        return _bound(live, at)  # ``if provider is None: provider = get_db``
    return join([given, _bound(live, at)], exact=False)


def is_declared_anew(name: str, at: Context) -> bool:
    """Whether a function annotates its parameter once more: mypy goes by the first annotation."""
    for scope in at.scope.chain():
        if scope.node is not None and not isinstance(scope.node, ClassDef):
            if argument_of(scope.node, name) is not None:
                return name in scope.names.annotated
            if name in scope.names.bindings:
                return False
    return False


def _bound(bindings: list[Binding], at: Context) -> Value:
    values = [bound(binding, at) for binding in bindings]
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


def bound(binding: Binding, at: Context) -> Value:
    """What one binding gives to its name in the scope that it stands in."""
    known = environment(at.scope)
    return at.once(
        ("binding", id(binding), known),
        at.scope.module,
        not known,
        lambda inner: _bind(binding, inner),
    )


def _bind(binding: Binding, at: Context) -> Value:
    node = binding.node
    if binding.kind == "from":
        module, name = binding.target
        assert name is not None
        return module_attribute(module, name, None, at)
    if binding.kind == "import":
        return ModuleValue(binding.target[0])
    if binding.kind == "def":
        assert node is not None
        return defined(node, at.within(at.scope))
    if binding.kind == "class":
        assert isinstance(node, ClassDef)
        return class_of(node, at)
    if binding.kind == "other" or not isinstance(node, Expression):
        return UNKNOWN
    if binding.kind in ITERATING and isinstance(node, CallExpr):
        held_there = values_of(node, at.within(at.scope, binding.blocks))
        if held_there is not None:
            is_value = binding.element == (1 if last_name(node.callee) == "items" else None)
            return held_there if is_value else UNKNOWN
        sequence = _gone_through(node, binding.element, at.within(at.scope, binding.blocks))
        if sequence is not None:
            return iterated(sequence, at)
    value = at.within(at.scope, binding.blocks).value(node)
    if binding.kind == "assign":
        if binding.element is None:
            return value
        if isinstance(value, ContainerValue):
            return element(value, binding.element, at)
        return unpacked(value, binding.element, at)
    if binding.element is not None:
        is_over = binding.kind in ITERATING
        return unpacked(iterated(value, at), binding.element, at) if is_over else UNKNOWN
    if binding.kind in ("with", "async with"):
        found = entered(value)
        return _given_by_enter(value, binding.kind, at) if found is UNKNOWN else found
    return iterated(value, at)


def _gone_through(call: CallExpr, position: int | None, at: Context) -> Value | None:
    """What a target of a loop over ``zip(a, b)`` or ``enumerate(a)`` is an element of."""
    name = call.callee.name if isinstance(call.callee, NameExpr) else None
    if position is None or name not in ("enumerate", "zip"):
        return None
    at_fault = any(kind is not ArgKind.ARG_POS for kind in call.arg_kinds[: position + 1])
    argument = position - 1 if name == "enumerate" else position
    if at_fault or not 0 <= argument < (1 if name == "enumerate" else len(call.args)):
        return None
    if fullname(at.value(call.callee)) != f"builtins.{name}":
        return None
    return at.value(call.args[argument])


def _given_by_enter(manager: Value, kind: str, at: Context) -> Value:
    """What the ``__aenter__`` of a class returns, where it does not declare that."""
    if not isinstance(manager, ObjectValue) or not isinstance(manager.type, Instance):
        return UNKNOWN
    name = "__aenter__" if kind == "async with" else "__enter__"
    # By its class: what is known of managers as such was asked before.
    method = at.attribute(replace(manager, shape=Shape.OTHER), name)
    if not isinstance(method, FunctionValue) or method.node.type is not None:
        return UNKNOWN
    given = at.called(replace(method, receiver=manager))
    return awaited(given) if kind == "async with" else given


def module_attribute(module: str, name: str, where: Where, at: Context) -> Value:
    """What *name* stands for in a module: at its end, or at *where* in its body."""
    key = ("global", module, name, where)
    return at.once(key, module, True, lambda inner: _module_attribute(module, name, where, inner))


def _module_attribute(module: str, name: str, where: Where, at: Context) -> Value:
    program = at.program
    if where is None and not at.is_current(module):
        # A class is what mypy says that it is: its module need not be read for that.
        entry = program.entry(module, name)
        if isinstance(entry, TypeInfo):
            return ClassValue(entry.fullname, entry)
    source = at.source(module)
    if source is None:
        return symbol(module, name, at)
    bindings = source.scope.names.bindings.get(name)
    if bindings:
        live, _ = source.bindings_at(name, source.scope, where, at_end=where is None)
        inside = at.within(source.scope)
        value = _annotated(name, _bound(live or bindings, inside), inside)
        if name in source.put_by_name() and where is None:
            return UNSURE
        again = source.rebound().get(name) if where is None else None
        if again:
            others = [bound(binding, at.within(scope)) for binding, scope in again]
            options = [v for v in (value, *others) if not is_none(v)]
            value = join(options, exact=False)
        return symbol(module, name, at) if value is UNKNOWN else value
    if f"{module}.{name}" in program.modules:
        return ModuleValue(f"{module}.{name}")
    for star in source.scope.names.stars:
        if name.startswith("_"):
            continue
        value = module_attribute(star, name, None, at)
        if value is not UNKNOWN and not isinstance(value, NamedValue):
            return value
    if name in ("__name__", "__file__", "__doc__"):
        return UNKNOWN
    if "__getattr__" in source.scope.names.bindings:
        lazy = lazy_name(source, name, at.within(source.scope))
        if lazy is not UNKNOWN:
            return lazy
    return symbol("builtins", name, at)
