"""What a ``ContextVar`` holds: what is put into it, not the default alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, ClassDef, MemberExpr, NameExpr, Var
from mypy.types import Instance

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.interpreter.context import argument_of, scope_at
from mypy_asyncsession.semantic.syntax import mentions
from mypy_asyncsession.semantic.values import UNSURE, ObjectValue, Value, join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.call_sites import CallSite
    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The name of the class.
CONTEXT_VARIABLE: Final = "ContextVar"


def context_variable(written: Expression, variable: ObjectValue, at: Context) -> Value | None:
    """What ``variable.get()`` may give; ``None`` where its type says that.

    Args:
        written: The variable, as it stands there.
        variable: Its value.
        at: Where it is asked.
    """
    arguments = variable.type.args if isinstance(variable.type, Instance) else ()
    if arguments and isinstance(at.types.value(arguments[0]), ObjectValue):
        return None
    source = at.source(at.scope.module)
    if source is None or not isinstance(written, NameExpr):
        return UNSURE
    declared = at.program.symbol(f"{at.scope.module}.{written.name}")
    type_ = at.program.type_of(declared) if isinstance(declared, Var) else None
    if isinstance(declared, Var) and not declared.is_inferred and type_ is not None:
        return None  # whatever is put there is compared with that
    bindings = source.scope.names.bindings.get(written.name, [])
    if len(bindings) != 1 or bindings[0].kind != "assign":
        return UNSURE  # another module's, or a parameter: who knows what else is put there
    found: list[Value] = []
    for site in source.calls("set"):
        callee = site.call.callee
        if isinstance(callee, MemberExpr) and last_name(callee.expr) == written.name:
            found.extend(_given(site, at))
    if not found and not _is_only_asked(written.name, source):
        return UNSURE  # what nobody puts there here, others do
    made = bindings[0].node
    if isinstance(made, CallExpr):
        for argument, name in zip(made.args, made.arg_names, strict=True):
            if name == "default":
                found.append(at.within(source.scope).value(argument))
    return join(found, exact=False)


def _is_only_asked(name: str, source: ModuleSource) -> bool:
    """Whether a variable is the module's own, which does nothing with it but to ask for its value.

    Then there is its default alone.
    """
    asked = [
        node
        for node in source.index.of_kind(MemberExpr)
        if node.name == "get" and isinstance(node.expr, NameExpr) and node.expr.name == name
    ]
    return name.startswith("_") and mentions(source.tree, name) == len(asked) + 1


def _given(site: CallSite, at: Context) -> Iterator[Value]:
    """What a call of ``set`` puts there."""
    source = at.source(at.scope.module)
    if source is None or not site.call.args:
        return
    value = site.call.args[0]
    if isinstance(value, NameExpr) and any(
        not isinstance(node, ClassDef) and argument_of(node, value.name) for node in site.chain
    ):
        yield UNSURE  # each caller may give another
        return
    scope = scope_at(source, site.chain)
    yield at.within(scope, scope.names.places.get(id(site.statement))).value(value)
