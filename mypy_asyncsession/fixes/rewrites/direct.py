"""A direct call of a function that leaves to FastAPI what FastAPI does not fill in: given to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.definitions import defined_at, make_visible
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.names import binds, fresh, mentions
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.managers import adopt, manager
from mypy_asyncsession.semantic.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

_DEPENDING: Final = ("Depends", "Security")
_FROM_REQUEST: Final = ("Body", "Cookie", "File", "Form", "Header", "Path", "Query")
#: The decorators that have FastAPI call a function.
_HANDLING: Final = frozenset(
    {
        "api_route",
        "delete",
        "get",
        "head",
        "options",
        "patch",
        "post",
        "put",
        "trace",
        "websocket",
    }
)
#: Functions that call their first argument with all the others, and are awaited.
_IN_THREADS: Final = ("run_in_threadpool", "to_thread")
_CONSTANT = (
    m.Integer()
    | m.Float()
    | m.SimpleString()
    | m.Name("True")
    | m.Name("False")
    | m.Name("None")
    | m.UnaryOperation(m.Minus(), m.Integer() | m.Float())
)
_UNDECIDED: Final = "decide what to give it instead"


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "DirectCall"


def _draft(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    try:
        call = source.find(site.finding.span, lambda node: _calls(source, node, misuse.callee))
    except CannotFix:
        raise CannotFix(_UNDECIDED) from None
    assert isinstance(call, cst.Call)
    found = defined_at(site.tree, site.finding.provider)
    if found is None or any(argument.star for argument in call.args):
        raise CannotFix(_UNDECIDED)
    owner, function = found
    lacking = _left_out(owner, function, call, misuse.callee)
    if any(each.default is None for each in lacking):
        raise CannotFix("it lacks more than what FastAPI fills in")
    left_out = [each for each in lacking if _is_filled_in(each)]
    if not any(each.name.value == misuse.parameter for each in left_out):
        raise CannotFix(_UNDECIDED)
    draft = Draft(key=("direct", source.path, id(call)))
    given = [
        _given(each, _value(site, draft, call, owner, each, alone=len(left_out) == 1))
        for each in left_out
    ]

    def with_arguments(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.Call)
        return old.with_changes(args=[*old.args, *given])

    draft.change(source, call, with_arguments)
    return draft


def _left_out(
    owner: SourceFile, function: cst.FunctionDef, call: cst.Call, callee: str | None
) -> list[cst.Param]:
    """The parameters that a call leaves to their defaults."""
    listed = [*function.params.posonly_params, *function.params.params]
    is_method = owner.around(function, cst.ClassDef) is not None
    if is_method and not any(
        m.matches(each.decorator, m.Name("staticmethod")) for each in function.decorators
    ):
        listed = listed[1:]
    keywords = {each.keyword.value for each in call.args if each.keyword is not None}
    in_order = sum(each.keyword is None for each in call.args)
    in_order -= written(call.func) != callee  # the function itself comes first
    return [
        each
        for each in (*listed[in_order:], *function.params.kwonly_params)
        if each.name.value not in keywords
    ]


def _is_filled_in(parameter: cst.Param) -> bool:
    """Whether a default is there for FastAPI alone."""
    default = parameter.default
    return isinstance(default, cst.Call) and written(default.func).rpartition(".")[2] in (
        *_DEPENDING,
        *_FROM_REQUEST,
    )


def _value(
    site: Site,
    draft: Draft,
    call: cst.Call,
    owner: SourceFile,
    parameter: cst.Param,
    *,
    alone: bool,
) -> cst.BaseExpression:
    """What to give to a parameter.

    Raises:
        CannotFix: That has to be decided.
    """
    default = parameter.default
    assert isinstance(default, cst.Call)
    around = site.source.function(call)
    if written(default.func).rpartition(".")[2] in _FROM_REQUEST:
        value = _constant(default)
        if m.matches(value, m.Name("None")) and _is_driven(around):
            raise CannotFix("decide whether it is to be taken from the request")
        return value
    if len(default.args) != 1 or default.args[0].keyword is not None:
        raise CannotFix(_UNDECIDED)
    provider = default.args[0].value
    if not isinstance(around, cst.FunctionDef):
        raise CannotFix(_UNDECIDED)
    known = _known(site, around, owner, provider)
    if known is not None:
        return cst.Name(known)
    if not alone:
        raise CannotFix(_UNDECIDED)
    if _is_driven(around):
        _ask_for(site, draft, owner, parameter, around)
        return cst.Name(parameter.name.value)
    return cst.Name(_enter(site, draft, call, owner, parameter, provider))


def _calls(source: SourceFile, node: cst.CSTNode, callee: str | None) -> bool:
    """Whether a call runs a function, in a thread perhaps, until it is done."""
    if not isinstance(node, cst.Call):
        return False
    if written(node.func) == callee:
        return True
    return (
        written(node.func).rpartition(".")[2] in _IN_THREADS
        and bool(node.args)
        and written(node.args[0].value) == callee
        and isinstance(source.parent(node), cst.Await)
    )


def _constant(default: cst.Call) -> cst.BaseExpression:
    """The value that FastAPI takes where the request has none."""
    for argument in default.args:
        if argument.keyword is None or argument.keyword.value == "default":
            if not m.matches(argument.value, _CONSTANT):
                break
            return argument.value.deep_clone()
    raise CannotFix(_UNDECIDED)


def _given(parameter: cst.Param, value: cst.BaseExpression) -> cst.Arg:
    bare = cst.SimpleWhitespace("")
    equal = cst.AssignEqual(whitespace_before=bare, whitespace_after=bare)
    return cst.Arg(value, keyword=cst.Name(parameter.name.value), equal=equal)


def _known(
    site: Site, around: cst.FunctionDef, owner: SourceFile, provider: cst.BaseExpression
) -> str | None:
    """The parameter that FastAPI fills in with what the same dependency gives, if there is one."""
    origin = site.tree.origin(owner, provider)
    bound = binds(around.body)
    for each in _parameters(around):
        for depends in _depending(site, each):
            if (
                len(depends.args) == 1
                and origin is not None
                and site.tree.origin(site.source, depends.args[0].value) == origin
                and each.name.value not in bound
            ):
                return each.name.value
    return None


def _parameters(function: cst.FunctionDef) -> list[cst.Param]:
    params = function.params
    return [*params.posonly_params, *params.params, *params.kwonly_params]


def _depending(site: Site, parameter: cst.Param) -> Iterator[cst.Call]:
    """The ``Depends(...)`` of a parameter: its default, in its annotation, or behind an alias."""
    looked_at: list[cst.CSTNode] = []
    if parameter.default is not None:
        looked_at.append(parameter.default)
    if parameter.annotation is not None:
        annotation = parameter.annotation.annotation
        looked_at.append(annotation)
        if isinstance(annotation, cst.Name):
            alias = m.Assign(targets=[m.AssignTarget(m.Name(annotation.value))])
            looked_at += m.findall(site.source.module, alias)
    for node in looked_at:
        for call in m.findall(node, m.Call()):
            assert isinstance(call, cst.Call)
            if written(call.func).rpartition(".")[2] in _DEPENDING:
                yield call


def _is_driven(function: cst.CSTNode | None) -> bool:
    """Whether FastAPI calls a function, which then gets what it asks for."""
    return isinstance(function, cst.FunctionDef) and any(
        isinstance(each.decorator, cst.Call)
        and isinstance(each.decorator.func, cst.Attribute)
        and each.decorator.func.attr.value in _HANDLING
        for each in function.decorators
    )


def _ask_for(
    site: Site, draft: Draft, owner: SourceFile, parameter: cst.Param, around: cst.FunctionDef
) -> None:
    """Have a handler ask for the dependency as well.

    Raises:
        CannotFix: Its names are not known there, or others call it.
    """
    source, name = site.source, parameter.name.value
    if mentions(around, name) or name in binds(around.body):
        raise CannotFix(f'"{name}" means something else there')
    if len(around.decorators) != 1:
        raise CannotFix(_UNDECIDED)
    called = re.compile(rb"\b" + around.name.value.encode() + rb"\s*\(")
    for path, text in site.tree.around(around.name.value).items():
        if called.search(text):
            raise CannotFix(f'"{path}" may call it, and is not among the files to fix')
    for node in (parameter.annotation, parameter.default):
        for found in m.findall(node, m.Name()) if node is not None else ():
            if isinstance(found, cst.Name) and not _is_attribute(owner, found):
                make_visible(draft, site.tree, owner, source, found.value)
    new = parameter.with_changes(comma=cst.MaybeSentinel.DEFAULT)

    def asking(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.FunctionDef)
        params = old.params
        field = "kwonly_params" if params.kwonly_params else "params"
        listed = list(getattr(params, field))
        last = new
        if listed and isinstance(listed[-1].comma, cst.Comma):
            between, comma = _commas(listed[-1].comma, old.whitespace_before_params)
            last = new.with_changes(comma=comma)
            listed[-1] = listed[-1].with_changes(comma=between)
        return old.with_changes(params=params.with_changes(**{field: [*listed, last]}))

    draft.change(source, around, asking)


def _commas(
    comma: cst.Comma, before: cst.BaseParenthesizableWhitespace
) -> tuple[cst.Comma, cst.Comma]:
    """The commas before and behind a new last parameter, where there is one behind the last now.

    A comment stays with the parameter that it stands behind.
    """
    after = comma.whitespace_after
    if isinstance(after, cst.ParenthesizedWhitespace) and isinstance(
        before, cst.ParenthesizedWhitespace
    ):
        between = before.with_changes(first_line=after.first_line)
        first = after.first_line.with_changes(comment=None, whitespace=cst.SimpleWhitespace(""))
        return cst.Comma(whitespace_after=between), comma.with_changes(
            whitespace_after=after.with_changes(first_line=first)
        )
    return cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")), comma


def _is_attribute(source: SourceFile, name: cst.Name) -> bool:
    parent = source.parent(name)
    return (isinstance(parent, cst.Attribute) and parent.attr is name) or (
        isinstance(parent, cst.Arg) and parent.keyword is name
    )


def _enter(
    site: Site,
    draft: Draft,
    call: cst.Call,
    owner: SourceFile,
    parameter: cst.Param,
    provider: cst.BaseExpression,
) -> str:
    """Outside of FastAPI: a block that enters the dependency, around the statement.

    Returns:
        The name that what it gives has in the block.

    Raises:
        CannotFix: It is no generator of the project's own, or the statement does more.
    """
    source, holds = site.source, site.misuse.holds
    held = holds[0] if holds else None
    if held is None or held.shape != Shape.ASYNC_GENERATOR.name or len(holds) < 2:
        raise CannotFix(_UNDECIDED)
    function = site.tree.function(owner, provider)
    if not holds[1].resource or not isinstance(provider, cst.Name) or function is None:
        raise CannotFix(_UNDECIDED)
    if _parameters(function[1]) or function[1].decorators:
        raise CannotFix(f'"{provider.value}" has parameters, which FastAPI would fill in')
    awaited = source.parent(call)
    statement = source.statement(call)
    line = source.parent(awaited)
    if (
        not isinstance(awaited, cst.Await)
        or not isinstance(statement, cst.SimpleStatementLine)
        or len(statement.body) != 1
        or line is not statement.body[0]
        or not isinstance(line, (cst.Expr, cst.Assign, cst.Return))
        or written(call.func) != site.misuse.callee
    ):
        raise CannotFix(_UNDECIDED)
    make_visible(draft, site.tree, owner, source, provider.value)
    name = fresh(source, call, (parameter.name.value, "session"))
    entered = adopt(draft, site, manager(site, cst.Call(provider.deep_clone())))

    def inside(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.SimpleStatementLine)
        return cst.With(
            items=[cst.WithItem(entered, cst.AsName(cst.Name(name)))],
            body=cst.IndentedBlock(body=[old.with_changes(leading_lines=[])]),
            asynchronous=cst.Asynchronous(),
            leading_lines=old.leading_lines,
        )

    draft.change(source, statement, inside)
    return name


FIX = Fix(
    summary="a direct call that leaves a parameter to FastAPI: given what FastAPI would give it",
    fits=_fits,
    draft=_draft,
)
