"""Whether the commits of a session expire its instances, by what has made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    Argument,
    AssignmentStmt,
    CallExpr,
    ClassDef,
    FuncDef,
    MemberExpr,
    NameExpr,
    WithStmt,
    YieldExpr,
)

from mypy_asyncsession.models.sqlalchemy import (
    ASYNC_SESSIONMAKERS,
    ASYNC_SESSIONS,
    SCOPED_SESSIONS,
    SESSIONMAKERS,
)
from mypy_asyncsession.semantic.cfg import Graph, PointKind
from mypy_asyncsession.semantic.footprints import configured
from mypy_asyncsession.semantic.interpreter.context import argument_of
from mypy_asyncsession.semantic.objects import Variable
from mypy_asyncsession.semantic.syntax import yields
from mypy_asyncsession.semantic.values import (
    FunctionValue,
    ManagerFactory,
    ModuleValue,
    fullname,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.function_body import FunctionBody
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.object_identity import Objects
    from mypy_asyncsession.semantic.objects import Object
    from mypy_asyncsession.semantic.scopes import Scope

_OPTION: Final = "expire_on_commit"
_DEPTH: Final = 4


class Expiry:
    """Reads how sessions were made."""

    def __init__(
        self,
        interpreter: Interpreter,
        objects: Objects,
        injected: Callable[[Argument, Scope], FunctionValue | None],
    ) -> None:
        """Begin.

        Args:
            interpreter: Says what expressions may be.
            objects: Says which objects they are.
            injected: Says which function FastAPI calls for a parameter.
        """
        self._interpreter = interpreter
        self._objects = objects
        self._provider = injected

    def on_commit(self, session: Object, body: FunctionBody, depth: int = 0) -> bool:
        """Whether it is certain that a commit expires the instances of a session."""
        if not isinstance(session, Variable) or session.owner != id(body.node) or depth > _DEPTH:
            return False
        if session.defined == Graph.ENTRY:
            return self._injected(session.name, body, depth)
        point = body.graph.points[session.defined]
        node = point.node
        if point.kind is PointKind.STATEMENT and isinstance(node, AssignmentStmt):
            return self._made(node.rvalue, body, session.defined, depth)
        if point.kind is PointKind.BIND and isinstance(point.statement, WithStmt):
            items = zip(point.statement.expr, point.statement.target, strict=True)
            made = next((each for each, target in items if target is node), None)
            return made is not None and self._made(made, body, session.defined, depth)
        return False

    def _injected(self, name: str, body: FunctionBody, depth: int) -> bool:
        """``session: AsyncSession = Depends(get_session)``."""
        argument = argument_of(body.node, name)
        outer = body.scope.parent
        if outer is None or not isinstance(argument, Argument):
            return False
        provider = self._provider(argument, outer)
        return provider is not None and self._provided(provider, depth)

    def _made(self, made: Node, body: FunctionBody, at: int, depth: int) -> bool:
        if not isinstance(made, CallExpr):
            return False
        option = _option(made)
        if option is not None:
            return option == "True"
        if any(kind.is_star() for kind in made.arg_kinds):
            return False
        callee = self._objects.value(made.callee, body, at)
        if fullname(callee) in ASYNC_SESSIONS:
            return True
        if isinstance(callee, (FunctionValue, ManagerFactory)):
            return self._provided(callee, depth)
        maker = made.callee
        if isinstance(maker, MemberExpr) and maker.name == "begin":
            maker = maker.expr  # ``maker.begin()`` makes one, too
        if isinstance(maker, MemberExpr):
            return self._attribute_expires(maker, body, at)
        return isinstance(maker, NameExpr) and self._maker_expires(maker.name, body.scope)

    def _attribute_expires(self, maker: MemberExpr, body: FunctionBody, at: int) -> bool:
        """The same of ``self.maker``, which the class assigns once, and of ``database.maker``."""
        owner = self._objects.value(maker.expr, body, at)
        if isinstance(owner, ModuleValue):
            source = self._interpreter.program.source(owner.name)
            return source is not None and self._maker_expires(maker.name, source.scope)
        klass = body.scope.parent
        source = self._interpreter.program.source(body.scope.module)
        if source is None or klass is None or not isinstance(klass.node, ClassDef):
            return False
        if not isinstance(maker.expr, NameExpr) or not body.node.arguments:
            return False
        if maker.expr.name != body.node.arguments[0].variable.name:
            return False
        assigned = [
            (made, method)
            for made, method in source.attributes(klass.node).get(maker.name, [])
            if not (isinstance(made, NameExpr) and made.name == "None")
        ]
        if len(assigned) != 1 or maker.name in source.open_attributes(klass.node):
            return False
        if maker.name in source.patched(klass.node.name) | configured(source):
            return False
        made, method = assigned[0]
        if not isinstance(made, CallExpr) or source.subclasses(klass.node.name):
            return False
        scope = klass if method is None else source.scope_in(method, klass)
        return self._says_nothing(made, scope)

    def _provided(self, provider: object, depth: int) -> bool:
        """Whether the session expires that a generator function yields."""
        function = provider.function if isinstance(provider, ManagerFactory) else provider
        if not isinstance(function, FunctionValue) or not isinstance(function.node, FuncDef):
            return False
        if self._interpreter.program.source(function.scope.module) is None:
            return False
        given = yields(function.node)
        if len(given) != 1 or not isinstance(given[0], YieldExpr):
            return False
        session = given[0].expr
        body = self._objects.body(function.node, function.scope)
        at = body.at(session) if session is not None else None
        if session is None or at is None:
            return False
        found = self._objects.of(session, body, at)
        return found is not None and self.on_commit(found, body, depth + 1)

    def _maker_expires(self, name: str, scope: Scope, depth: int = 0) -> bool:
        """Whether a sessionmaker with a name is made in sight, and does not say otherwise."""
        source = self._interpreter.program.source(scope.module)
        if depth > _DEPTH or source is None or name in configured(source):
            return False
        for inner in scope.chain():
            bindings = inner.names.bindings.get(name)
            if not bindings:
                continue
            if len(bindings) != 1:
                return False
            binding = bindings[0]
            if binding.kind == "from":
                module, imported = binding.target
                source = self._interpreter.program.source(module)
                if source is None or imported is None:
                    return False
                return self._maker_expires(imported, source.scope, depth + 1)
            node = binding.node
            if binding.kind != "assign" or not isinstance(node, CallExpr):
                return False
            return self._says_nothing(node, inner)
        *_, outermost = scope.chain()
        for star in outermost.names.stars if not name.startswith("_") else ():
            source = self._interpreter.program.source(star)
            if source is not None and name in source.scope.names.bindings:
                return self._maker_expires(name, source.scope, depth + 1)
        return False

    def _says_nothing(self, call: CallExpr, scope: Scope) -> bool:
        """Whether a call makes a sessionmaker that keeps the default."""
        callee = self._interpreter.value(call.callee, scope, None)
        makes_async = fullname(callee) in ASYNC_SESSIONMAKERS
        if not makes_async and fullname(callee) not in SESSIONMAKERS:
            return False
        if any(kind.is_star() for kind in call.arg_kinds):
            return False
        for name, argument in zip(call.arg_names, call.args, strict=True):
            if name == "class_":
                klass = fullname(self._interpreter.value(argument, scope, None))
                if klass not in ASYNC_SESSIONS - SCOPED_SESSIONS:
                    return False  # its ``__init__`` may say otherwise
                makes_async = True
        if not makes_async:
            return False
        option = _option(call)
        return option is None or option == "True"


def _option(call: CallExpr) -> str | None:
    """What a call says of the option, as written; ``None`` where it does not name it."""
    for name, argument in zip(call.arg_names, call.args, strict=True):
        if name == _OPTION:
            return argument.name if isinstance(argument, NameExpr) else "?"
    return None
