"""The methods by which a class is entered and left, as its source defines them.

What is found here of one module, others rely on: it is part of the facts of that module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import Decorator, FuncDef, NameExpr

from mypy_asyncsession.semantic.entering_faults import EnteringFault, FaultyMethod
from mypy_asyncsession.semantic.function_flow import FunctionFlow
from mypy_asyncsession.semantic.syntax import is_stub_body, returned

if TYPE_CHECKING:
    from mypy.nodes import FuncItem, TypeInfo

    from mypy_asyncsession.semantic.program import Program


def faulty_method(info: TypeInfo, program: Program, *, is_async: bool) -> FaultyMethod | None:
    """The first of the two special methods of a class that a block cannot work with.

    Args:
        info: The class of the very object that is entered.
        program: Where methods are looked up.
        is_async: Whether it is entered by ``async with``.
    """
    names = ("__aenter__", "__aexit__") if is_async else ("__enter__", "__exit__")
    if info.fallback_to_any or info.get("__getattr__") is not None:
        return None
    for name in names:
        if info.get(name) is None:
            return FaultyMethod(name, EnteringFault.MISSING)
        method = _own(info, name, program)
        if method is None:
            continue
        is_awaitable = info.get("__await__") is not None
        fault = _fault_of(method, is_async=is_async, is_awaitable=is_awaitable)
        if fault is not None:
            return FaultyMethod(name, fault)
    return None


def gives_nothing(info: TypeInfo, program: Program, *, is_async: bool) -> bool:
    """Whether what a class is entered by returns nothing, though a block can be entered by it."""
    method = _own(info, "__aenter__" if is_async else "__enter__", program)
    return (
        method is not None
        and method.is_coroutine is is_async
        and not method.is_generator
        and _ends_without_a_value(method)
    )


def _own(info: TypeInfo, name: str, program: Program) -> FuncDef | None:
    """A method as it stands in the source, where no decorator makes another of it."""
    for base in info.mro:
        symbol = base.names.get(name)
        if symbol is None:
            continue
        if isinstance(symbol.node, Decorator):
            return None
        return next((each for each in program.methods(base) if each.name == name), None)
    return None


def _fault_of(method: FuncDef, *, is_async: bool, is_awaitable: bool) -> EnteringFault | None:
    if not is_async:
        return EnteringFault.COROUTINE if method.is_coroutine else None
    if method.is_coroutine:
        return EnteringFault.GENERATOR if method.is_generator else None
    if method.is_generator:
        return None  # ``types.coroutine`` could make it awaitable
    if _ends_without_a_value(method) or (not is_awaitable and _gives_itself(method)):
        return EnteringFault.NOT_AWAITABLE
    return None


def _ends_without_a_value(method: FuncDef) -> bool:
    """Whether a method comes to its end, and returns nothing wherever it does."""
    if is_stub_body(method) or not method.body.body:
        return False
    given = [
        each
        for each in returned(method)
        if not (isinstance(each, NameExpr) and each.name in ("None", "False", "True"))
    ]
    return not given and _ends(method)


def _gives_itself(method: FuncDef) -> bool:
    """Whether a plain method returns the object that it is a method of, which has no ``await``."""
    given = returned(method)
    own = method.arguments[0].variable.name if method.arguments else None
    return bool(given) and all(isinstance(each, NameExpr) and each.name == own for each in given)


def _ends(method: FuncItem) -> bool:
    """Whether a function may return at all."""
    graph = FunctionFlow(method).graph
    return bool(graph.before[graph.EXIT])
