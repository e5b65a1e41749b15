"""Whether a class has another member than the one that its body defines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    DictExpr,
    DictionaryComprehension,
    IndexExpr,
    MemberExpr,
    NameExpr,
    StrExpr,
    TypeInfo,
)

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.scopes import qualname_in
from mypy_asyncsession.semantic.syntax import walk
from mypy_asyncsession.semantic.values import ClassValue, FunctionValue

if TYPE_CHECKING:
    from mypy.nodes import Expression, FuncDef, FuncItem

    from mypy_asyncsession.semantic.interpreter.context import Context
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The methods of a metaclass that make a class.
_MAKING = frozenset({"__init__", "__new__", "__prepare__"})
#: What makes a dict of another one, or puts something into it.
_FILLING = frozenset({"dict", "setdefault", "update"})
#: The methods of a class that have a say in what its attributes are.
_FORMING = frozenset({"__getattribute__", "__init_subclass__"})


def is_replaced(source: ModuleSource, node: ClassDef, name: str, at: Context) -> bool:
    """Whether a class is given another member in place of the one that its body defines."""
    if name in source.patched(node.name):
        return True  # ``Database.session = asynccontextmanager(Database.session)``
    if any(_may_replace(each, name, at) for each in node.decorators):
        return True
    symbol = at.program.symbol(f"{source.module}.{qualname_in(at.scope, node.name)}")
    if not isinstance(symbol, TypeInfo):
        return False
    metaclass = symbol.metaclass_type
    if metaclass is not None and any(
        method.name in _MAKING and (_sets(method, name) or _sets_elements(method))
        for method in at.methods(metaclass.type)
    ):
        return True
    return any(
        method.name == "__getattribute__"
        or (method.name == "__init_subclass__" and base is not symbol and _sets(method, name))
        for base in symbol.mro
        if not _FORMING.isdisjoint(base.names)
        for method in at.methods(base)
    )


def _may_replace(decorator: Expression, name: str, at: Context) -> bool:
    """Whether a decorator of a class may put another member in the place of one.

    One whose source is not at hand is taken to leave the class as it is, as most do.
    """
    maker = decorator.callee if isinstance(decorator, CallExpr) else decorator
    function = at.within(at.scope).value(maker)
    if isinstance(function, ClassValue):
        return at.source(function.fullname.rpartition(".")[0]) is not None
    if not isinstance(function, FunctionValue):
        return False
    source = at.source(function.scope.module)
    inner = source.scope_in(function.node, function.scope) if source else function.scope
    for part in walk(function.node.body):
        if isinstance(part, ClassDef):
            return True  # it may give another class
        if isinstance(part, CallExpr) and part.args:
            helper = at.within(inner).value(part.callee)
            if isinstance(helper, FunctionValue) and _sets(helper.node, name):
                return True
    return _sets(function.node, name)


def _sets_elements(function: FuncDef) -> bool:
    """Whether a function fills a dict, such as the names of a class that is to be made."""
    return any(
        isinstance(node, DictionaryComprehension)
        or (isinstance(node, DictExpr) and bool(node.items))
        or (
            isinstance(node, AssignmentStmt)
            and any(isinstance(each, IndexExpr) for each in node.lvalues)
        )
        or (isinstance(node, CallExpr) and last_name(node.callee) in _FILLING)
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
