"""A manager or a generator that is used a second time: made anew where it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.names import assigned, binding_of, binds, mentions
from mypy_asyncsession.fixes.fix import Fix, Site

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import Function, SourceFile

#: Arguments that are what they were, wherever they are evaluated.
_CONSTANT = m.SimpleString() | m.Integer() | m.Float()


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Reuse"


def _draft(site: Site) -> Draft:
    source = site.source
    name = source.expression(site.finding.span, site.misuse.text)
    function = source.function(name)
    if not isinstance(name, cst.Name) or function is None:
        raise CannotFix("it is part of a larger expression")
    local = name.value in binds(function.body)
    binding, value = binding_of(source, name) if local else _of_module(source, name)
    if not isinstance(value, cst.Call):
        raise CannotFix("it is not made by a call")
    _check_same(source, value, function, local=local)
    draft = Draft(key=("anew", source.path, id(name)))
    draft.replace(source, name, value.deep_clone())
    if _is_spare(site, name, binding, local=local):
        draft.change(source, binding, lambda _old: cst.RemoveFromParent())
    return draft


def _of_module(
    source: SourceFile, name: cst.Name
) -> tuple[cst.SimpleStatementLine, cst.BaseExpression]:
    """The one assignment of the module that binds a name.

    Raises:
        CannotFix: There are several, or it is bound otherwise.
    """
    found = [
        (statement, value)
        for statement in source.module.body
        if isinstance(statement, cst.SimpleStatementLine)
        and (value := assigned(statement, name.value)) is not None
    ]
    if len(found) != 1:
        raise CannotFix(f'"{name.value}" is bound in several places, or in none')
    return found[0]


def _check_same(source: SourceFile, value: cst.Call, function: Function, *, local: bool) -> None:
    """Whether a call means the same where it is used as where it stands.

    Raises:
        CannotFix: It may not.
    """
    if not all(m.matches(argument.value, _CONSTANT) for argument in value.args):
        raise CannotFix("it is made with arguments that may be others by now")
    root: cst.BaseExpression = value.func
    while isinstance(root, cst.Attribute):
        root = root.value
    if not isinstance(root, cst.Name):
        raise CannotFix("it is made with what may be something else by now")
    inside = binds(function.body)
    if isinstance(function, cst.FunctionDef):
        parameters = {
            each.name.value
            for each in m.findall(function.params, m.Param())
            if isinstance(each, cst.Param)
        }
        inside |= set() if local else parameters
    if root.value in inside or (not local and source.function(value) is not None):
        raise CannotFix("it is made with what may be something else by now")


def _is_spare(site: Site, name: cst.Name, binding: cst.SimpleStatementLine, *, local: bool) -> bool:
    """Whether nobody needs what was made once any more."""
    source = site.source
    around = source.function(name) if local else source.module
    assert around is not None
    return (
        len(mentions(around, name.value)) == 2
        and (local or site.tree.is_own(source, name.value))
        and not m.findall(binding, m.Comment())
        and (not local or len(source.around(binding, cst.IndentedBlock).body) > 1)  # type: ignore[union-attr]
    )


FIX = Fix(
    summary="a manager or a generator that is used again: made where it is used",
    fits=_fits,
    draft=_draft,
)
