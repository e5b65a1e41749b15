"""The calls that name a dependency: ``Depends(f)``, ``Security(f)``, and helpers around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    ArgKind,
    CallExpr,
    Decorator,
    FuncDef,
    MemberExpr,
    NameExpr,
    OverloadedFuncDef,
    RefExpr,
    ReturnStmt,
    TypeInfo,
    Var,
)
from mypy.types import AnyType, CallableType, get_proper_type

from mypy_asyncsession.models.frameworks import (
    DEPENDS,
    DEPENDS_NAMES,
    REQUEST_PARAMETER_NAMES,
    REQUEST_PARAMETERS,
)
from mypy_asyncsession.semantic.call_arguments import matched
from mypy_asyncsession.semantic.syntax import says_nothing
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue, ObjectValue, fullname

if TYPE_CHECKING:
    from mypy.nodes import Expression, SymbolNode

    from mypy_asyncsession.semantic.interpreter import Interpreter, Where
    from mypy_asyncsession.semantic.program import Program
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value

_DEFINITIONS = (Decorator, FuncDef, OverloadedFuncDef, TypeInfo)


@dataclass(frozen=True, slots=True)
class Named:
    """What a call names as a dependency.

    Attributes:
        expression: The dependency, as it is written at the call.
        value: What FastAPI is given.
        helped: Whether a function of the project makes something else of the expression.
    """

    expression: Expression
    value: Value
    helped: bool = False


#: How many names a call is followed through to where it stands.
_HOPS: Final = 5


class DependsCalls:
    """Tells the calls that name a dependency from all others."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        #: The calls that functions return and do nothing else, ``None`` for other functions.
        self._returned: dict[FuncDef, CallExpr | None] = {}

    def is_depends(self, call: CallExpr, scope: Scope, where: Where) -> bool:
        """Whether a call is one of ``Depends`` or ``Security``."""
        return self._is_of(call, DEPENDS, DEPENDS_NAMES, scope, where)

    def is_parameter(self, call: CallExpr, scope: Scope, where: Where) -> bool:
        """Whether a call is one of ``Query``, ``Header`` and the like."""
        return self._is_of(call, REQUEST_PARAMETERS, REQUEST_PARAMETER_NAMES, scope, where)

    def names_depends(self, expression: Expression, scope: Scope, where: Where) -> bool:
        """Whether an expression is ``Depends`` itself, not called."""
        return (
            isinstance(expression, (MemberExpr, NameExpr))
            and expression.name in DEPENDS_NAMES
            and fullname(self._interpreter.value(expression, scope, where)) in DEPENDS
        )

    def may_name_one(self, call: CallExpr) -> bool:
        """A quick look: most calls are of functions that mypy knows."""
        callee = call.callee
        if isinstance(callee, MemberExpr):
            return callee.name in DEPENDS_NAMES or self._may_help(callee.node)
        if not isinstance(callee, NameExpr):
            return False
        if isinstance(callee.node, FuncDef):
            return callee.node.fullname in DEPENDS or self._may_help(callee.node)
        return not isinstance(callee.node, _DEFINITIONS) or callee.node.fullname in DEPENDS

    def _may_help(self, node: object) -> bool:
        """Whether a function may do no more than to call ``Depends``: its body may be gone."""
        if not isinstance(node, FuncDef):
            return False
        if node.body.body:
            return self._returned_by(node) is not None
        program = self._interpreter.program
        return _may_name_depends(program.split(node.fullname)[0], program)

    def named(self, call: CallExpr, scope: Scope, where: Where) -> Named | None:
        """What a call names as a dependency, or ``None`` where it names none."""
        if self.is_depends(call, scope, where):
            expression = argument_of(call)
            if expression is None:
                return None
            return Named(expression, self._interpreter.value(expression, scope, where))
        return self._named_by_helper(call, scope, where)

    def call_in(self, expression: Expression | None, scope: Scope) -> CallExpr | None:
        """The ``Depends(...)`` that an expression is, or that its name stands for."""
        if isinstance(expression, NameExpr):
            for inner in scope.chain():
                bindings = inner.names.bindings.get(expression.name)
                if bindings:
                    node = bindings[0].node
                    if len(bindings) > 1 or bindings[0].kind != "assign":
                        return None
                    expression, scope = node, inner  # type: ignore[assignment]
                    break
        if isinstance(expression, CallExpr) and self.is_depends(expression, scope, None):
            return expression
        return None

    def _is_of(
        self,
        call: CallExpr,
        functions: frozenset[str],
        names: frozenset[str],
        scope: Scope,
        where: Where,
    ) -> bool:
        callee = call.callee
        if isinstance(callee, NameExpr):
            local = callee.name
            if isinstance(callee.node, _DEFINITIONS):
                # mypy knows what it is, as it mostly does.
                return callee.node.fullname in functions
            if local not in names and not any(
                local in inner.names.bindings for inner in scope.chain()
            ):
                return False
        elif not (isinstance(callee, MemberExpr) and callee.name in names):
            return False
        return fullname(self._interpreter.value(callee, scope, where)) in functions

    # Helpers: ``def inject(provider): return Depends(provider)``

    def _named_by_helper(self, call: CallExpr, scope: Scope, where: Where) -> Named | None:
        callee = call.callee
        if not call.args or not isinstance(callee, RefExpr):
            return None
        if ArgKind.ARG_STAR in call.arg_kinds or ArgKind.ARG_STAR2 in call.arg_kinds:
            return None
        node = callee.node
        if node is not None and not isinstance(node, FuncDef):
            return None
        function = self._interpreter.value(callee, scope, where)
        if not isinstance(function, FunctionValue) or not isinstance(function.node, FuncDef):
            return None
        inner = self._returned_by(function.node)
        source = self._interpreter.program.source(function.scope.module)
        if inner is None or source is None or not self.is_depends(inner, function.scope, None):
            return None
        expression = argument_of(inner)
        if expression is None:
            return None
        given = dict(matched(call, function))
        body = source.scope_in(function.node, function.scope).with_values(
            {
                name: self._interpreter.value(argument, scope, where)
                for name, argument in given.items()
            }
        )
        value = self._interpreter.value(expression, body, None)
        if isinstance(expression, NameExpr) and expression.name in given:
            return Named(given[expression.name], value)
        first = next(iter(given.values()), None)
        return Named(first, value, helped=True) if first is not None else None

    def _returned_by(self, function: FuncDef) -> CallExpr | None:
        """The call that a function returns, if it does nothing else."""
        if function not in self._returned:
            body = [each for each in function.body.body if not says_nothing(each)]
            last = body[0] if len(body) == 1 else None
            found = last.expr if isinstance(last, ReturnStmt) else None
            self._returned[function] = found if isinstance(found, CallExpr) else None
        return self._returned[function]


def _may_name_depends(module: str, program: Program) -> bool:
    """Whether something in a module may be ``Depends``: a look at its text and its names."""
    answers = program.answers_to("may name Depends")
    known = answers.get(module)
    if known is None:
        known = answers[module] = program.mentions(module, *DEPENDS_NAMES) or any(
            _may_be_function(node) for _, node in program.declared_names(module)
        )
    if not program.is_own(module):
        return False
    program.modules_read.add(module)
    return known


def _may_be_function(node: SymbolNode | None) -> bool:
    """Whether a variable may be another name of a function."""
    if not isinstance(node, Var):
        return False
    type_ = get_proper_type(node.type)
    return type_ is None or isinstance(type_, (AnyType, CallableType))


def argument_of(call: CallExpr) -> Expression | None:
    """The dependency in ``Depends(f)`` or ``Depends(dependency=f)``."""
    for argument, name in zip(call.args, call.arg_names, strict=True):
        if name in (None, "dependency"):
            return argument
    return None


def construction(expression: Expression, interpreter: Interpreter, scope: Scope) -> CallExpr | None:
    """The call that makes the object which an expression is, if its name is bound but once."""
    found = located_construction(expression, interpreter, scope)
    return found[0] if found is not None else None


def located_construction(
    expression: Expression, interpreter: Interpreter, scope: Scope
) -> tuple[CallExpr, Scope] | None:
    """The same, with the scope that the call stands in."""
    for _ in range(_HOPS):
        if isinstance(expression, CallExpr):
            return expression, scope
        if not isinstance(expression, NameExpr):
            return None
        bindings = next(
            (
                found
                for inner in scope.chain()
                if (found := inner.names.bindings.get(expression.name))
            ),
            [],
        )
        if len(bindings) != 1:
            return None
        binding = bindings[0]
        if binding.kind == "from" and binding.target[1] is not None:
            source = interpreter.program.source(binding.target[0])
            if source is None:
                return None
            scope = source.scope
            expression = NameExpr(binding.target[1])
        elif binding.kind == "assign" and binding.element is None:
            expression = binding.node  # type: ignore[assignment]
        else:
            return None
    return None


def is_object_of(value: Value, classes: frozenset[str]) -> bool | None:
    """Whether an object is one of *classes* or of their children; ``None`` if that is not known."""
    if isinstance(value, ObjectValue):
        info = getattr(value.type, "type", None)
        if isinstance(info, TypeInfo):
            return any(base.fullname in classes for base in info.mro) or (
                None if info.fallback_to_any else False
            )
        return None
    if isinstance(value, ClassValue):
        return False
    name = fullname(value)
    if name is not None and name.endswith("()"):
        return name[:-2] in classes
    return None
