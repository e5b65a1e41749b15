"""What FastAPI is given in place of an object, a coroutine or a class that has to be entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.source_file import written

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.fix import Site

_CONSTANT = m.Integer() | m.Float() | m.SimpleString() | m.Name("True") | m.Name("False")
_AWAITABLES: Final = {"Awaitable": 1, "Coroutine": 3}
_UNDECIDED: Final = "decide what to depend on instead"


def giving(site: Site, named: cst.BaseExpression) -> cst.BaseExpression:
    """``Depends(get_settings())``, ``Depends(Page(size=50))``: the function, or one that gives it.

    Raises:
        CannotFix: It is not made here, or an object that is made anew would not do the same.
    """
    if not isinstance(named, cst.Call):
        raise CannotFix(_UNDECIDED)
    if not named.args:
        return named.func
    made = site.tree.class_named(site.source, named.func)
    if made is None or not all(m.matches(each.value, _CONSTANT) for each in named.args):
        raise CannotFix(_UNDECIDED)
    for method in m.findall(made[1].body, m.FunctionDef()):
        assert isinstance(method, cst.FunctionDef)
        if method.name.value not in ("__init__", "__post_init__") and _changes(method):
            raise CannotFix("it has a state, and would be made anew for each request")
    return cst.Lambda(cst.Parameters(), named)


def _changes(method: cst.FunctionDef) -> bool:
    """Whether a method may change its object."""
    own = m.Attribute(value=m.Name("self"))
    kept = m.AssignTarget(own | m.Subscript(own)) | m.AugAssign(target=own | m.Subscript(own))
    called = m.Call(func=m.Attribute(value=own))
    return bool(m.findall(method.body, kept | called))


def check_no_parameters(site: Site, named: cst.BaseExpression) -> None:
    """Whether FastAPI has nothing to fill in when it makes an object of a class.

    Raises:
        CannotFix: It has, or that is not known.
    """
    made = site.tree.class_named(site.source, named)
    if made is None or any(
        each.name.value == "__init__"
        and len(each.params.params) + len(each.params.kwonly_params) > 1
        for each in made[1].body.body
        if isinstance(each, cst.FunctionDef)
    ):
        raise CannotFix("FastAPI fills in its parameters")
    if made[1].bases or made[1].decorators:
        raise CannotFix("whether FastAPI fills in its parameters is not known")


def awaiting(site: Site, named: cst.Name) -> Draft:
    """``def get_user(): return fetch_user()``: an ``async def`` that awaits it.

    Who awaits what it gives goes on to do so.

    Raises:
        CannotFix: It does more than to return the coroutine.
    """
    found = site.tree.function(site.source, named)
    if found is None:
        raise CannotFix('decide which function is to be an "async def"')
    owner, function = found
    body = list(function.body.body)
    if function.get_docstring() is not None:
        body.pop(0)
    line = body[0] if len(body) == 1 else None
    returned = line.body[0] if isinstance(line, cst.SimpleStatementLine) else None
    if (
        function.asynchronous is not None
        or function.decorators
        or not isinstance(returned, cst.Return)
        or not isinstance(returned.value, cst.Call)
    ):
        raise CannotFix('decide which function is to be an "async def"')
    draft = Draft(key=("awaiting", owner.path, id(function)))
    draft.replace(owner, returned.value, cst.Await(returned.value))
    annotation = function.returns
    inner = _awaited(annotation.annotation) if annotation is not None else None
    if annotation is not None and inner is not None:
        draft.replace(owner, annotation.annotation, inner)
        name = annotation.annotation.value  # type: ignore[attr-defined]
        if isinstance(name, cst.Name) and site.tree.is_own(owner, name.value):
            draft.spare.append((owner, name.value))
    elif annotation is not None:
        raise CannotFix("what its annotation means is not known")
    draft.change(owner, function, lambda old: old.with_changes(asynchronous=cst.Asynchronous()))
    return draft


def _awaited(annotation: cst.BaseExpression) -> cst.BaseExpression | None:
    """What awaiting gives, by the annotation of what is awaited."""
    if not isinstance(annotation, cst.Subscript):
        return None
    count = _AWAITABLES.get(written(annotation.value).rpartition(".")[2])
    if count != len(annotation.slice):
        return None
    last = annotation.slice[-1].slice
    return last.value if isinstance(last, cst.Index) else None
