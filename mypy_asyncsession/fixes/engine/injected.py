"""The functions that get what a dependency is to give: whether they are written for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.engine.session_kinds import check_function

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.fix import Site


def check_injected(site: Site, source: SourceFile, named: cst.BaseExpression) -> None:
    """Whether all that a dependency is injected into is written for what it is to give.

    Args:
        site: The finding.
        source: The file that depends on it.
        named: What is depended on, in ``Depends``.

    Raises:
        CannotFix: Something is written for another kind of session.
    """
    parameter = source.around(named, cst.Param)
    if parameter is not None:
        owner = source.around(parameter, cst.FunctionDef)
        if owner is not None and not isinstance(source.parent(parameter), cst.Lambda):
            check_function(site, source, owner, parameter.name.value)
        return
    alias = _alias(source, named)
    if alias is not None:
        origin = site.tree.origin(source, alias)
        for file in site.tree.mentioning(alias.value.encode()):
            for function, parameter in _annotated(file, alias.value):
                annotation = parameter.annotation
                assert annotation is not None
                if site.tree.origin(file, annotation.annotation) == origin:
                    check_function(site, file, function, parameter.name.value)


def _alias(source: SourceFile, named: cst.BaseExpression) -> cst.Name | None:
    """The name of ``Annotated[..., Depends(...)]``, where that has one."""
    assignment = source.around(named, cst.Assign) or source.around(named, cst.AnnAssign)
    if isinstance(assignment, cst.Assign):
        target: cst.CSTNode = assignment.targets[0].target
    elif isinstance(assignment, cst.AnnAssign):
        target = assignment.target
    else:
        return None
    return target if isinstance(target, cst.Name) else None


def _annotated(source: SourceFile, alias: str) -> Iterator[tuple[cst.FunctionDef, cst.Param]]:
    """The functions with a parameter of that annotation, and the parameter."""
    annotation = m.Annotation(m.Name(alias) | m.Attribute(attr=m.Name(alias)))
    for parameter in m.findall(source.module, m.Param(annotation=annotation)):
        assert isinstance(parameter, cst.Param)
        function = source.around(parameter, cst.FunctionDef)
        if function is not None:
            yield function, parameter
