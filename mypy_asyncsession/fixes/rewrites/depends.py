"""``Depends`` of what FastAPI cannot drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import Import, bound_names, reachable
from mypy_asyncsession.fixes.editing.overrides import check_seen, overridden, repoint
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.engine.injected import check_injected
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.dependency import entering
from mypy_asyncsession.fixes.rewrites.managers import check_generator
from mypy_asyncsession.fixes.rewrites.providing import awaiting, check_no_parameters, giving
from mypy_asyncsession.fixes.rewrites.starting import check_gives_itself
from mypy_asyncsession.fixes.rewrites.undecorated import undecorated

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

#: FastAPI drives these if it is given the function that makes them.
_DRIVEN_ONCE_NAMED = frozenset(
    {"ASYNC_GENERATOR", "ASYNC_ITERATOR", "COROUTINE", "GENERATOR", "ITERATOR"}
)
#: What FastAPI does with the dependencies that there is a fix for.
_FIXED = frozenset(
    {
        "ALIAS",
        "AWAITED",
        "BARE",
        "CALLED",
        "MANAGER",
        "RAW",
        "SESSIONMAKER",
        "UNCALLABLE",
        "UNENTERED",
        "VALUE",
    }
)
_MANAGING = frozenset({"asynccontextmanager", "contextmanager"})


def _fits(finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Dependency" and finding.code == "session-depends"


def _draft(site: Site) -> Draft:
    named = dependency(site)
    check_injected(site, site.source, named)
    if site.misuse.how == "MANAGER" and isinstance(named, cst.Name):
        alone = undecorated(site, named)
        if alone is not None:
            return alone
    draft = Draft(key=("depends", site.source.path, id(named)))
    if site.misuse.how == "UNBOUND":
        raise CannotFix("decide which object's method is meant")
    if site.misuse.how not in _FIXED:
        raise CannotFix("decide what to depend on instead")
    if site.misuse.how == "ALIAS":
        _annotate(site, draft, named)
        return draft
    if site.misuse.how == "RAW" and _shape(site) == "COROUTINE" and isinstance(named, cst.Name):
        return awaiting(site, named)
    if site.misuse.how == "BARE":
        text, imported = reachable(site.source, "fastapi", "Depends")
        draft.need(site.source, imported)
        new: cst.BaseExpression = cst.Call(cst.parse_expression(text), [cst.Arg(named)])
    elif site.misuse.how == "UNENTERED":
        check_gives_itself(site, cst.Call(named))
        check_no_parameters(site, named)
        new = _entered(site, draft, named)
    elif site.misuse.how == "UNCALLABLE":
        new = giving(site, named)
    elif site.misuse.how == "CALLED":
        new = _of_call(site, draft, named)
    elif site.misuse.how == "RAW":
        new = _of_raw(site, draft, named)
    elif site.misuse.how == "MANAGER" and isinstance(named, cst.Call):
        new = _of_managed(named)
    else:
        new = _entered(site, draft, named)
    draft.replace(site.source, named, new)
    if isinstance(named, cst.Name) and site.tree.is_own(site.source, named.value):
        draft.spare.append((site.source, named.value))
    return draft


def dependency(site: Site) -> cst.BaseExpression:
    """The expression that is depended on.

    Raises:
        CannotFix: It cannot be told which one it is.
    """
    source, misuse = site.source, site.misuse
    if misuse.role == "OVERRIDE" or misuse.how == "BARE":
        return source.expression(site.finding.span, misuse.text)
    found = []
    for node in source.on_lines(*_lines(site)):
        if isinstance(node, cst.Call):
            argument = _argument(node)
            if argument is not None and written(argument) == misuse.text:
                found.append((node, argument))
    if len(found) > 1:
        exact = [pair for pair in found if _begins(site, pair[0])]
        found = exact or [pair for pair in found if _of_parameter(site, pair[0])]
    if len(found) != 1:
        if any(isinstance(node, cst.SimpleString) for node in source.on_lines(*_lines(site))):
            raise CannotFix("it stands in a quoted annotation")
        raise CannotFix("the dependency was not found again in the file")
    return found[0][1]


def _lines(site: Site) -> tuple[int, int]:
    return site.finding.span.line, site.finding.span.end_line


def _begins(site: Site, node: cst.CSTNode) -> bool:
    start, span = site.source.range(node).start, site.finding.span
    return (start.line, start.column) == (span.line, span.column)


def _of_parameter(site: Site, node: cst.CSTNode) -> bool:
    parameter = site.source.around(node, cst.Param)
    return parameter is not None and parameter.name.value == site.misuse.parameter


def _argument(call: cst.Call) -> cst.BaseExpression | None:
    for argument in call.args:
        if argument.keyword is None and not argument.star:
            return argument.value
        if argument.keyword is not None and argument.keyword.value == "dependency":
            return argument.value
    return None


def _shape(site: Site) -> str:
    return site.misuse.holds[0].shape if site.misuse.holds else ""


def _of_call(site: Site, draft: Draft, named: cst.BaseExpression) -> cst.BaseExpression:
    """``Depends(get_db())``."""
    if not isinstance(named, cst.Call):
        raise CannotFix("it is made somewhere else")
    if named.args:
        raise CannotFix("it is called with arguments, which FastAPI would not know")
    if _shape(site) in _DRIVEN_ONCE_NAMED:
        return named.func
    if _shape(site) in ("SESSION", "SYNC_SESSION"):
        return entering(site, draft, named.func, site.misuse.holds)
    return entering(site, draft, named.func, site.misuse.holds, decorated=True)


def _of_raw(site: Site, draft: Draft, named: cst.BaseExpression) -> cst.BaseExpression:
    """``Depends(lambda: get_db())``, and a plain function that does the same."""
    if isinstance(named, cst.Lambda):
        call = named.body
        if named.params.params or not isinstance(call, cst.Call) or call.args:
            raise CannotFix("the lambda does more than to call the provider")
        if _shape(site) in _DRIVEN_ONCE_NAMED:
            return call.func
        return entering(site, draft, call.func, site.misuse.holds)
    if _shape(site) == "COROUTINE":
        raise CannotFix('decide which function is to be an "async def"')
    if _shape(site) in _DRIVEN_ONCE_NAMED:
        return _behind(site, draft, named)
    return entering(site, draft, named, site.misuse.holds)


def _behind(site: Site, draft: Draft, named: cst.BaseExpression) -> cst.BaseExpression:
    """The provider that a function calls, or, if it does more than that, what enters the result.

    Raises:
        CannotFix: What else it does cannot be told.
    """
    wrapper = site.tree.function(site.source, named)
    if wrapper is None:
        raise CannotFix("what else it does is not known")
    owner, function = wrapper
    provider = site.tree.at(site.finding.provider)
    called = _only_call(function)
    if provider is not None and called and site.tree.function(owner, called) == provider:
        check_seen(site.tree, owner, function.name)
        for source, key in overridden(site.tree):
            if site.tree.function(source, key) == wrapper:
                name = _named_in(site, draft, source, provider[0], provider[1].name.value)
                repoint(draft, source, key, name)
        return _named_in(site, draft, site.source, provider[0], provider[1].name.value)
    if function.params.params or function.asynchronous is not None:
        raise CannotFix("the function does more than to call the provider")
    check_generator(site)
    is_async = _shape(site) == "ASYNC_GENERATOR"
    if not is_async and _shape(site) != "GENERATOR":
        raise CannotFix("it is an iterator, which may have no way to be told of an exception")
    return entering(site, draft, named, site.misuse.holds, wrapped=True)


def _only_call(function: cst.FunctionDef) -> cst.BaseExpression | None:
    """What a function calls without arguments and returns, if it does nothing else."""
    body = [each for each in function.body.body if not _is_docstring(each)]
    if function.params.params or function.decorators or len(body) != 1:
        return None
    if not isinstance(body[0], cst.SimpleStatementLine) or len(body[0].body) != 1:
        return None
    line = body[0].body[0]
    if isinstance(line, cst.Return) and isinstance(line.value, cst.Call) and not line.value.args:
        return line.value.func
    return None


def _is_docstring(node: cst.CSTNode) -> bool:
    return m.matches(
        node, m.SimpleStatementLine(body=[m.Expr(m.SimpleString() | m.ConcatenatedString())])
    )


def _named_in(
    site: Site, draft: Draft, source: SourceFile, owner: SourceFile, name: str
) -> cst.BaseExpression:
    """What a file calls something at the top level of another file."""
    if owner is source:
        return cst.Name(name)
    if name not in bound_names(source):
        draft.need(source, Import(site.tree.module(owner), name))
        return cst.Name(name)
    found = site.tree.function(source, cst.Name(name))
    if found is None or found[0] is not owner:
        raise CannotFix(f'"{name}" means something else in "{source.path}"')
    return cst.Name(name)


def _of_managed(named: cst.Call) -> cst.BaseExpression:
    """``Depends(asynccontextmanager(get_db))``."""
    if written(named.func).rpartition(".")[2] in _MANAGING and len(named.args) == 1:
        return named.args[0].value
    raise CannotFix("a call makes the context manager function")


def _entered(site: Site, draft: Draft, named: cst.BaseExpression) -> cst.BaseExpression:
    """A context manager function, a sessionmaker, or what gives a session that nobody closes."""
    holds = site.misuse.holds
    if isinstance(named, cst.Lambda):
        call = named.body
        if named.params.params or not isinstance(call, cst.Call) or call.args:
            raise CannotFix("the lambda does more than to open the session")
        return entering(site, draft, call.func, holds)
    if site.misuse.how == "SESSIONMAKER":
        return entering(site, draft, named, holds[1:] or holds)
    return entering(
        site,
        draft,
        named,
        holds,
        decorated=site.misuse.how == "MANAGER",
        awaited=site.misuse.how == "AWAITED",
    )


def _annotate(site: Site, draft: Draft, named: cst.BaseExpression) -> None:
    """``db: AsyncSession = Depends(DbDep)``: the alias is the annotation."""
    source = site.source
    parameter = source.around(named, cst.Param)
    params = source.around(named, cst.Parameters)
    if parameter is None or params is None or isinstance(source.parent(params), cst.Lambda):
        raise CannotFix("it does not stand at a parameter")
    annotation = cst.Annotation(
        named,
        whitespace_before_indicator=cst.SimpleWhitespace(""),
        whitespace_after_indicator=cst.SimpleWhitespace(" "),
    )
    if parameter.annotation is not None and _within(parameter.annotation, named):
        draft.change(source, parameter, lambda old: old.with_changes(annotation=annotation))
        return
    new = parameter.with_changes(
        annotation=annotation, default=None, equal=cst.MaybeSentinel.DEFAULT
    )
    if parameter in params.kwonly_params:
        draft.replace(source, parameter, new)
        return
    if parameter not in params.params:
        raise CannotFix("the parameter is positional alone")
    position = list(params.params).index(parameter)
    if all(each.default is None for each in params.params[:position]):
        draft.replace(source, parameter, new)
        return
    if isinstance(params.star_arg, (cst.Param, cst.ParamStar)):
        raise CannotFix("a parameter without a default cannot stand behind one that has a default")
    draft.replace(source, params, _keyword_only(params, position, new))


def _keyword_only(params: cst.Parameters, position: int, new: cst.Param) -> cst.Parameters:
    """Have the parameters from one on be given by name, as FastAPI gives all of them.

    Only then may one without a default follow one that has a default.
    """
    listed = [*params.params[:position], new, *params.params[position + 1 :]]
    comma = listed[position - 1].comma
    star = cst.ParamStar(comma=comma) if isinstance(comma, cst.Comma) else cst.ParamStar()
    return params.with_changes(
        params=listed[:position],
        star_arg=star,
        kwonly_params=[*listed[position:], *params.kwonly_params],
    )


def _within(around: cst.CSTNode, node: cst.CSTNode) -> bool:
    """Whether a node is part of another."""
    return bool(m.findall(around, m.MatchIfTrue(lambda each: each is node)))


def _calls(finding: Finding, misuse: Misuse) -> bool:
    return finding.code == "depends-type" and misuse.record == "Dependency" and misuse.calls


def _call(site: Site) -> Draft:
    """``Depends(Provider)``, where an instance of the class is to be called."""
    named = dependency(site)
    check_injected(site, site.source, named)
    draft = Draft(key=("depends", site.source.path, id(named)))
    draft.replace(site.source, named, cst.Call(named))
    return draft


FIX = Fix(
    summary='"Depends": a dependency that enters the context manager, or its decorator gone where '
    "nobody enters it, the function itself, the alias as the annotation",
    fits=_fits,
    draft=_draft,
)
CALL = Fix(
    summary='"Depends(Provider)" of a class whose instances are the dependencies: called',
    fits=_calls,
    draft=_call,
)
