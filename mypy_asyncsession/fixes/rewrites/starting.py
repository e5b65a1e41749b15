"""Transactions that nobody has started, and objects that hold a session once they are entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.names import binding_of, mentions
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.engine.ignores import HOLDING, unignored
from mypy_asyncsession.semantic.shapes import Can

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.fix import Site

#: What is done by hand with a transaction that was awaited.
_ENDING: Final = ("close", "commit", "is_active", "rollback")
_ASYNC: Final = Can.ASYNC_ENTER | Can.ASYNC_ITERATE | Can.AWAIT
#: What has a thread call a function, by the name that it is called by.
_IN_THREADS: Final = frozenset(
    {"run_in_executor", "run_in_threadpool", "run_sync", "submit", "to_thread"}
)


def await_above(site: Site, draft: Draft, name: cst.Name) -> None:
    """``savepoint = session.begin_nested()`` above, which is then ended by hand: it is awaited."""
    source = site.source
    binding, value = binding_of(source, name)
    if not isinstance(value, cst.Call) or not source.in_async(value):
        raise CannotFix('only an "async def" can await it')
    function = source.function(name)
    assert function is not None
    for found in mentions(function, name.value):
        used = source.parent(found)
        if isinstance(used, (cst.AssignTarget, cst.AnnAssign)):
            continue
        if not isinstance(used, cst.Attribute) or used.attr.value not in _ENDING:
            raise CannotFix(f'"{name.value}" is used in other places as well')
    draft.key = ("await", source.path, id(value))
    draft.replace(source, value, cst.Await(value))
    draft.change(source, binding, lambda old: unignored(old, HOLDING))


def check_no_thread(site: Site, expression: cst.BaseExpression) -> None:
    """Whether a method of what is to be entered is run where the event loop is.

    Raises:
        CannotFix: A thread is to call it, where nothing awaits what that gives.
    """
    if not site.misuse.holds or not Can(site.misuse.holds[0].can) & _ASYNC:
        return
    method = site.source.parent(expression)
    argument = site.source.parent(method)
    if not isinstance(method, cst.Attribute) or not isinstance(argument, cst.Arg):
        return
    call = site.source.parent(argument)
    if isinstance(call, cst.Call) and written(call.func).rpartition(".")[2] in _IN_THREADS:
        raise CannotFix("a thread would call it, where nothing can be awaited")


def check_gives_itself(site: Site, value: cst.BaseExpression) -> None:
    """Whether entering what is made by a class's call gives that object itself.

    Raises:
        CannotFix: It gives something else, or that cannot be told.
    """
    made = site.tree.class_named(site.source, value.func) if isinstance(value, cst.Call) else None
    enters = [
        each
        for each in (made[1].body.body if made is not None else ())
        if isinstance(each, cst.FunctionDef) and each.name.value in ("__aenter__", "__enter__")
    ]
    returns = [found for each in enters for found in m.findall(each.body, m.Return())]
    if not returns or not all(m.matches(each, m.Return(m.Name("self"))) for each in returns):
        raise CannotFix("whether the session or what holds it is meant cannot be told")
