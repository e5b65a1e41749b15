"""A provider without a precise return annotation: the annotation, and its imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import reachable
from mypy_asyncsession.fixes.fix import Fix, Site

if TYPE_CHECKING:
    from mypy_asyncsession.findings import Finding, Misuse


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.annotation is not None


def _draft(site: Site) -> Draft:
    source, annotation = site.source, site.misuse.annotation
    assert annotation is not None
    line = site.finding.span.line
    functions = [
        node for node in source.on_lines(line, line) if isinstance(node, cst.FunctionDef)
    ] or [
        around
        for node in source.on_lines(line, line)
        if isinstance(node, cst.Name)
        and isinstance(around := source.parent(node), cst.FunctionDef)
        and around.name is node
    ]
    if len(functions) != 1:
        raise CannotFix("the function was not found again in the file")
    draft = Draft(key=("getter", source.path, id(functions[0])))
    for module, name in site.misuse.imports:
        known, imported = reachable(source, module, name)
        if known != name:
            raise CannotFix(f'"{name}" is not to be had by that name in the file')
        draft.need(source, imported)
    new = cst.Annotation(
        cst.parse_expression(annotation), whitespace_before_indicator=cst.SimpleWhitespace(" ")
    )
    draft.change(source, functions[0], lambda old: old.with_changes(returns=new))
    return draft


FIX = Fix(
    summary="a provider without a precise annotation: the annotation and its imports",
    fits=_fits,
    draft=_draft,
)
