"""Where a new dependency is written, and what it looks like there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.editing.draft import Change
from mypy_asyncsession.fixes.editing.source_file import written

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.fix import Site

Statement: TypeAlias = cst.SimpleStatementLine | cst.BaseCompoundStatement


def below(source: SourceFile, definition: Statement, function: cst.FunctionDef) -> Change:
    """The edit that puts a function below a statement, and those that it stands together with."""
    empty = cst.EmptyLine(indent=False, whitespace=cst.SimpleWhitespace(""))
    apart = [empty, empty]
    new = function.with_changes(leading_lines=apart)
    body = list(source.module.body)
    position = body.index(definition) + 1
    while isinstance(definition, cst.SimpleStatementLine) and position < len(body):
        following = body[position]
        if not isinstance(following, cst.SimpleStatementLine) or following.leading_lines:
            break
        position += 1
    if position == len(body):
        last = body[-1]
        return Change(source, last, lambda old: cst.FlattenSentinel([old, new]))

    def preceded(old: cst.CSTNode) -> cst.FlattenSentinel[cst.CSTNode]:
        assert isinstance(old, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
        lines = list(old.leading_lines)
        while lines and lines[0].comment is None:
            lines.pop(0)
        return cst.FlattenSentinel([new, old.with_changes(leading_lines=[*apart, *lines])])

    return Change(source, body[position], preceded)


def definition_of(
    site: Site, provider: cst.BaseExpression
) -> tuple[SourceFile, Statement, str] | None:
    """Where another file of those to fix defines a provider, and the name that it has there."""
    origin = site.tree.origin(site.source, provider)
    owner = site.tree.named(origin[0], site.source) if origin is not None else None
    if origin is None or owner is None or owner is site.source:
        return None
    name = origin[1]
    defining = m.SimpleStatementLine(
        [m.Assign(targets=[m.AssignTarget(m.Name(name))]) | m.AnnAssign(target=m.Name(name))]
    ) | m.FunctionDef(name=m.Name(name))
    found = [each for each in owner.module.body if m.matches(each, defining)]
    return (owner, found[0], name) if len(found) == 1 else None


def injected(source: SourceFile, named: cst.CSTNode) -> cst.BaseExpression | None:
    """The type that the parameter or the alias around a dependency says."""
    for around in source.ancestors(named):
        if isinstance(around, cst.Subscript) and written(around.value).endswith("Annotated"):
            element = around.slice[0].slice
            return element.value if isinstance(element, cst.Index) else None
        if isinstance(around, cst.Param):
            return around.annotation.annotation if around.annotation else None
    return None


def returning(annotation: str) -> cst.Annotation:
    """``-> annotation``."""
    return cst.Annotation(
        cst.parse_expression(annotation),
        whitespace_before_indicator=cst.SimpleWhitespace(" "),
    )


def is_annotated(source: SourceFile) -> bool:
    """Whether the functions of a file say what they return."""
    functions = m.findall(source.module, m.FunctionDef())
    said = [each for each in functions if isinstance(each, cst.FunctionDef) and each.returns]
    return len(said) * 2 > len(functions)


def documented(function: cst.FunctionDef, provider: str) -> cst.FunctionDef:
    """A dependency with a docstring that says what it is for."""
    line = cst.parse_statement(f'"""Enter "{provider}", for "Depends"."""')
    body = function.body
    return function.with_changes(body=body.with_changes(body=[line, *body.body]))


def blank_lines(function: cst.FunctionDef) -> int:
    """How many empty lines stand above a function, a heading of its section not counted."""
    empty = [line.comment is None for line in function.leading_lines]
    above = len(empty) if all(empty) else empty.index(False)
    return min(above, 2) or 2


def top_statement(source: SourceFile, node: cst.CSTNode) -> cst.CSTNode:
    """The statement at the top level of the module that a node is in."""
    for around in source.ancestors(node):
        if source.parent(around) is source.module:
            return around
    raise AssertionError


def root_name(node: cst.BaseExpression) -> str | None:
    """The name that an expression of names and dots begins with."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return node.value if isinstance(node, cst.Name) else None


def is_local(source: SourceFile, node: cst.CSTNode, name: str) -> bool:
    """Whether a name belongs to a function or class around a node."""
    for around in source.ancestors(node):
        if isinstance(around, (cst.FunctionDef, cst.ClassDef, cst.Lambda)):
            targets = m.findall(
                around,
                m.AssignTarget(target=m.Name(name))
                | m.Param(name=m.Name(name))
                | m.AsName(name=m.Name(name))
                | m.FunctionDef(name=m.Name(name))
                | m.ImportAlias(name=m.Name(name)),
            )
            if any(each is not around for each in targets):
                return True
    return False


def snake_case(name: str) -> str:
    """A name of a class or a function as one of a function."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
