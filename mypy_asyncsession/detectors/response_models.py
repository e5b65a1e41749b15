"""The models that FastAPI makes of what handlers return, and what these read of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mypy.nodes import (
    CallExpr,
    FuncDef,
    IndexExpr,
    MemberExpr,
    NameExpr,
    OpExpr,
    ReturnStmt,
    TypeInfo,
)
from mypy.types import CallableType, Instance, NoneType, Type, UnionType, get_proper_type

from mypy_asyncsession.detectors.serialized import SerializedReads
from mypy_asyncsession.detectors.spans import written
from mypy_asyncsession.models.frameworks import REGISTERING, ROUTE_METHODS
from mypy_asyncsession.models.pydantic import READING_METHODS
from mypy_asyncsession.models.typing import COROUTINE_TYPES
from mypy_asyncsession.semantic.annotation_text import written as written_type
from mypy_asyncsession.semantic.cfg import PointKind
from mypy_asyncsession.semantic.program_point import ProgramPoint
from mypy_asyncsession.semantic.values import ClassValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression

    from mypy_asyncsession.semantic.cfg import Graph
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import Body
    from mypy_asyncsession.semantic.scopes import Scope

_LISTS: Final = frozenset({"List", "Sequence", "list"})
_LIST_TYPES: Final = frozenset(
    {"builtins.list", "collections.abc.Sequence", "typing.Sequence", "typing.List"}
)


class ResponseModel(NamedTuple):
    """What FastAPI makes of the result of a handler.

    Attributes:
        fields: The attributes that it reads of each instance.
        many: Whether the result is a list of them.
        text: The model as written.
    """

    fields: frozenset[str]
    many: bool
    text: str


class ResponseModels:
    """Finds them."""

    def __init__(self, interpreter: Interpreter, serialized: SerializedReads) -> None:
        self._interpreter = interpreter
        self._serialized = serialized

    def of_handler(self, function: FuncDef, body: Body) -> ResponseModel | None:
        """What FastAPI makes of what a function returns, if it is a handler with a model."""
        outer = body.parent
        if outer is None:
            return None
        for decorator in body.decorators:
            if (
                not isinstance(decorator, CallExpr)
                or not isinstance(decorator.callee, MemberExpr)
                or decorator.callee.name not in ROUTE_METHODS
            ):
                continue
            if any(kind.is_star() for kind in decorator.arg_kinds):
                continue
            called = self._interpreter.value(decorator.callee, outer.scope, None)
            if fullname(called) not in REGISTERING:
                continue
            named = dict(zip(decorator.arg_names, decorator.args, strict=True))
            if "response_class" in named:
                return None
            if "response_model" in named:
                return self._written(named["response_model"], outer.scope)
            return self._annotated(function)
        return None

    def _written(self, model: Expression, scope: Scope) -> ResponseModel | None:
        """``response_model=list[UserOut]``."""
        inner, many = model, False
        if isinstance(inner, IndexExpr) and isinstance(inner.base, (MemberExpr, NameExpr)):
            if inner.base.name not in {*_LISTS, "Optional"}:
                return None
            many = inner.base.name in _LISTS
            inner = inner.index
        if isinstance(inner, OpExpr) and isinstance(inner.right, NameExpr):
            inner = inner.left if inner.right.name == "None" else inner
        if not isinstance(inner, (MemberExpr, NameExpr)):
            return None
        klass = self._interpreter.value(inner, scope, None)
        if not isinstance(klass, ClassValue) or klass.info is None:
            return None
        return self._of(klass.info, written(model), many=many)

    def _annotated(self, function: FuncDef) -> ResponseModel | None:
        """``async def users() -> list[UserOut]``."""
        declared = function.type
        if not isinstance(declared, CallableType):
            return None
        result: Type | None = get_proper_type(declared.ret_type)
        if isinstance(result, Instance) and result.type.fullname in COROUTINE_TYPES:
            result = get_proper_type(result.args[-1]) if result.args else None
        text = getattr(function.unanalyzed_type, "ret_type", None)
        many = isinstance(result, Instance) and result.type.fullname in _LIST_TYPES
        if many and isinstance(result, Instance):
            result = get_proper_type(result.args[0]) if result.args else None
        result = _without_none(result)
        if not isinstance(result, Instance):
            return None
        return self._of(result.type, written_type(text) or result.type.name, many=many)

    def _of(self, info: TypeInfo, text: str, *, many: bool) -> ResponseModel | None:
        fields = self._serialized.of_class(info)
        return ResponseModel(fields, many, text) if fields else None


class ModelReader(NamedTuple):
    """Where a model is made of an instance.

    Attributes:
        point: The point.
        instance: The name that the instance has there.
        fields: The attributes that are read of it.
        text: The model, or the call that makes it, as written.
    """

    point: int
    instance: NameExpr
    fields: frozenset[str]
    text: str


class ModelReaders:
    """Finds where a function makes models of instances, and where FastAPI does so of its result."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._serialized = SerializedReads(interpreter)
        self._responses = ResponseModels(interpreter, self._serialized)

    def readers(self, function: FuncDef, graph: Graph, body: Body) -> Iterator[ModelReader]:
        """Those of one function.

        Args:
            function: The function.
            graph: Its graph.
            body: Its body.
        """
        model = self._responses.of_handler(function, body)
        for point in graph.points:
            node = point.node
            if point.kind is PointKind.RETURN and isinstance(node, ReturnStmt):
                if model is not None and not model.many and isinstance(node.expr, NameExpr):
                    yield ModelReader(point.index, node.expr, model.fields, model.text)
            elif (
                point.kind is PointKind.CALL
                and isinstance(node, CallExpr)
                and isinstance(node.callee, MemberExpr)
                and node.callee.name in READING_METHODS
                and node.args
                and isinstance(node.args[0], NameExpr)
                and node.args[0].name not in point.inner
                and point.statement is not None
            ):
                fields = self._serialized.of_call(node, ProgramPoint(body, point.statement))
                yield ModelReader(point.index, node.args[0], fields, written(node))


def _without_none(type_: Type | None) -> Type | None:
    if not isinstance(type_, UnionType):
        return type_
    items = [each for each in map(get_proper_type, type_.items) if not isinstance(each, NoneType)]
    return items[0] if len(items) == 1 else None
