"""Imports added to a file, once and in its own style, and taken from it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.editing.imports import module_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mypy_asyncsession.fixes.editing.imports import Import


def with_imports(module: cst.Module, wanted: Sequence[Import]) -> cst.Module:
    """A module with more imports, which it does not have yet."""
    for each in sorted(wanted, key=lambda found: (found.module, found.name or "")):
        module = _extended(module, each) or _inserted(module, each)
    return module


def without_imports(module: cst.Module, names: Collection[str]) -> cst.Module:
    """A module without the imports of those names that it has no use for."""
    for name in sorted(names):
        if not _is_used(module, name):
            module = module.with_changes(body=list(_without(module.body, name)))
    return module


def _is_used(module: cst.Module, name: str) -> bool:
    """Whether anything but its import mentions a name; a string does, as ``__all__`` does.

    What only documents something does not.
    """
    mentioned = m.findall(module, m.Name(name) | m.SimpleString())
    documenting = m.Expr(m.SimpleString() | m.ConcatenatedString())
    apart = m.findall(module, m.ImportFrom() | m.Import() | documenting)
    inside = {
        id(node) for each in apart for node in m.findall(each, m.Name(name) | m.SimpleString())
    }
    return any(
        id(node) not in inside and (not isinstance(node, cst.SimpleString) or name in node.value)
        for node in mentioned
    )


def _without(body: Sequence[cst.BaseStatement], name: str) -> Iterator[cst.BaseStatement]:
    gone: cst.SimpleStatementLine | None = None
    for position, statement in enumerate(body):
        kept = _statement_without(statement, name)
        if kept is None and gone is None and position + 1 < len(body):
            assert isinstance(statement, cst.SimpleStatementLine)
            gone = statement
            continue
        if gone is not None:
            kept = _moved_up(kept or statement, gone, is_first=position == 1)
            gone = None
        yield kept or statement


def _moved_up(
    statement: cst.BaseStatement, gone: cst.SimpleStatementLine, *, is_first: bool
) -> cst.BaseStatement:
    """A statement in the place of the import above it, which stood in a group, or was one."""
    assert isinstance(statement, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    lines = list(statement.leading_lines)
    if is_first or len(gone.leading_lines) > len(lines):
        comments = [line for line in lines if line.comment is not None]
        return statement.with_changes(leading_lines=[*gone.leading_lines, *comments])
    return statement


def _statement_without(statement: cst.BaseStatement, name: str) -> cst.BaseStatement | None:
    """A statement that does not import a name any more; ``None`` if it does nothing else."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return statement
    line = statement.body[0]
    if not isinstance(line, (cst.Import, cst.ImportFrom)) or isinstance(line.names, cst.ImportStar):
        return statement
    kept = [each for each in line.names if (each.evaluated_alias or each.evaluated_name) != name]
    if len(kept) == len(line.names) or _has_comments(line if kept else statement):
        return statement
    if not kept:
        return None
    if line.names[-1] not in kept:
        kept[-1] = kept[-1].with_changes(comma=line.names[-1].comma)
    return statement.with_changes(body=[line.with_changes(names=kept)])


def _has_comments(node: cst.CSTNode) -> bool:
    return bool(m.findall(node, m.Comment()))


def _extended(module: cst.Module, wanted: Import) -> cst.Module | None:
    """The module with the name added to an import from the same module, if there is one."""
    if wanted.name is None:
        return None
    for position, statement in enumerate(module.body):
        if not isinstance(statement, cst.SimpleStatementLine):
            continue
        for number, line in enumerate(statement.body):
            if (
                isinstance(line, cst.ImportFrom)
                and not isinstance(line.names, cst.ImportStar)
                and module_of(line) == wanted.module
            ):
                small = list(statement.body)
                small[number] = _with_name(line, wanted.name)
                body = list(module.body)
                body[position] = statement.with_changes(body=small)
                return module.with_changes(body=body)
    return None


def _with_name(line: cst.ImportFrom, name: str) -> cst.ImportFrom:
    """The import with one name more: in order, if its names are."""
    assert not isinstance(line.names, cst.ImportStar)
    names = list(line.names)
    if any(alias.evaluated_name == name and alias.asname is None for alias in names):
        return line
    keys = [_key(alias.evaluated_name) for alias in names]
    place = len(names)
    if keys == sorted(keys):
        place = sum(key < _key(name) for key in keys)
    new = cst.ImportAlias(cst.Name(name))
    if place < len(names):
        # What separates it from the next is what separates the others from theirs.
        between: object = next(
            (alias.comma for alias in names if isinstance(alias.comma, cst.Comma)), _COMMA
        )
        if len(names) == 1:
            between = _COMMA
            if _is_split(line):
                between = cst.Comma(whitespace_after=_first_break(line))
        names.insert(place, new.with_changes(comma=_without_comment(between)))
    else:
        last = names[-1]
        trailing = last.comma
        between = names[-2].comma if len(names) > 1 else _COMMA
        if len(names) == 1 and _is_split(line):
            between = cst.Comma(whitespace_after=_first_break(line))
        if isinstance(trailing, cst.Comma) and _comment(trailing):
            between = cst.Comma(
                whitespace_after=_merged(trailing.whitespace_after, _first_break(line))
            )
            trailing = cst.Comma(whitespace_after=_merged(None, trailing.whitespace_after))
        else:
            between = _without_comment(between)
        names[-1] = last.with_changes(comma=between)
        names.append(new.with_changes(comma=trailing))
    return line.with_changes(names=names)


_BLANK = cst.EmptyLine(indent=False, whitespace=cst.SimpleWhitespace(""))
_COMMA = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))


def _comment(comma: cst.Comma) -> bool:
    after = comma.whitespace_after
    return isinstance(after, cst.ParenthesizedWhitespace) and after.first_line.comment is not None


def _without_comment(comma: object) -> cst.Comma:
    if not isinstance(comma, cst.Comma):
        return _COMMA
    after = comma.whitespace_after
    if isinstance(after, cst.ParenthesizedWhitespace):
        return comma.with_changes(
            whitespace_after=after.with_changes(
                first_line=after.first_line.with_changes(
                    comment=None, whitespace=cst.SimpleWhitespace("")
                ),
                empty_lines=[],
            )
        )
    return comma


def _merged(first: object, rest: object) -> cst.BaseParenthesizableWhitespace:
    """The comment of one break between lines, and the indentation of another."""
    if not isinstance(rest, cst.ParenthesizedWhitespace):
        return cst.SimpleWhitespace(" ")
    line = (
        first.first_line
        if isinstance(first, cst.ParenthesizedWhitespace)
        else cst.TrailingWhitespace(newline=rest.first_line.newline)
    )
    return rest.with_changes(first_line=line, empty_lines=[])


def _is_split(line: cst.ImportFrom) -> bool:
    return line.lpar is not None and isinstance(
        line.lpar.whitespace_after, cst.ParenthesizedWhitespace
    )


def _first_break(line: cst.ImportFrom) -> cst.BaseParenthesizableWhitespace:
    if line.lpar is not None and isinstance(
        line.lpar.whitespace_after, cst.ParenthesizedWhitespace
    ):
        return line.lpar.whitespace_after
    return cst.SimpleWhitespace(" ")


def _key(name: str) -> tuple[int, str]:
    """The order in which isort and ruff list names: constants, classes, the rest."""
    if name.isupper() and len(name) > 1:
        return 0, name
    return (1 if name[:1].isupper() else 2), name


def _inserted(module: cst.Module, wanted: Import) -> cst.Module:
    """The module with an import of its own, among those of its kind."""
    new = cst.SimpleStatementLine(body=[_statement(wanted)])
    body = list(module.body)
    imports = [(number, each) for number, each in _lines(body) if not _is_future(each)]
    section = _section(wanted.module)
    same = [(number, each) for number, each in imports if _section(module_of(each)) == section]
    # Groups of what is installed and of the project's own look alike: of a package is of its group.
    alike = [pair for pair in same if _is_of_package(pair[1], wanted)]
    form = cst.Import if wanted.name is None else cst.ImportFrom
    same = [pair for pair in alike if isinstance(pair[1], form)] or (section and alike) or same
    if same:
        rank = _rank(wanted.name is not None, wanted.module)
        later = next(
            (
                number
                for number, each in same
                if _rank(isinstance(each, cst.ImportFrom), module_of(each)) > rank
            ),
            None,
        )
        if later is None:
            body.insert(same[-1][0] + 1, new)
        elif _has_heading(body, later):
            body.insert(later + 1, new)
        else:
            _insert_before(body, later, new)
        return module.with_changes(body=body)
    after = [(number, each) for number, each in imports if _section(module_of(each)) > section]
    if after:
        first = after[0][0]
        _insert_before(body, first, new)
        _separate(body, first + 1)
        return module.with_changes(body=body)
    before = [number for number, _ in _lines(body)]
    place = before[-1] + 1 if before else _after_docstring(body)
    if place == 0 and not before:
        # The comments at the beginning of a file are its header, and stay there.
        if body:
            _separate(body, 0)
        body.insert(0, new)
    else:
        body.insert(place, new.with_changes(leading_lines=[_BLANK]))
        if place + 1 < len(body):
            _separate(body, place + 1)
    return module.with_changes(body=body)


def _statement(wanted: Import) -> cst.Import | cst.ImportFrom:
    text = (
        f"import {wanted.module}"
        if wanted.name is None
        else f"from {wanted.module} import {wanted.name}"
    )
    line = cst.parse_statement(text)
    assert isinstance(line, cst.SimpleStatementLine)
    statement = line.body[0]
    assert isinstance(statement, (cst.Import, cst.ImportFrom))
    return statement


def _insert_before(
    body: list[cst.SimpleStatementLine | cst.BaseCompoundStatement],
    place: int,
    new: cst.SimpleStatementLine,
) -> None:
    """Put an import before another: the blank lines above stay above, a comment stays with it."""
    old = body[place]
    blank = []
    lines = list(old.leading_lines)
    while lines and lines[0].comment is None:
        blank.append(lines.pop(0))
    body[place] = old.with_changes(leading_lines=lines)
    body.insert(place, new.with_changes(leading_lines=blank))


def _is_of_package(line: cst.Import | cst.ImportFrom, wanted: Import) -> bool:
    return module_of(line).partition(".")[0] == wanted.module.partition(".")[0]


def _has_heading(
    body: Sequence[cst.SimpleStatementLine | cst.BaseCompoundStatement], place: int
) -> bool:
    """Whether a comment stands at the beginning of a group of imports, and may be for all of it."""
    lines = body[place].leading_lines
    if not lines or lines[-1].comment is None:
        return False
    return lines[0].comment is None or place - 1 not in dict(_lines(body))


def _separate(body: list[cst.SimpleStatementLine | cst.BaseCompoundStatement], place: int) -> None:
    """Have a blank line above a statement."""
    statement = body[place]
    if not any(line.comment is None for line in statement.leading_lines[:1]):
        body[place] = statement.with_changes(leading_lines=[_BLANK, *statement.leading_lines])


def _after_docstring(body: Sequence[cst.BaseStatement]) -> int:
    if body and isinstance(body[0], cst.SimpleStatementLine):
        first = body[0].body[0]
        if isinstance(first, cst.Expr) and isinstance(
            first.value, (cst.SimpleString, cst.ConcatenatedString)
        ):
            return 1
    return 0


def _section(module: str) -> int:
    """Where isort puts a module: the standard library first, then the others."""
    if module.startswith("."):
        return 2
    return 0 if module.partition(".")[0] in sys.stdlib_module_names else 1


def _rank(is_from: bool, module: str) -> tuple[bool, str]:
    return is_from, module.lower()


def _is_future(line: cst.Import | cst.ImportFrom) -> bool:
    return module_of(line) == "__future__"


def _lines(
    body: Sequence[cst.BaseStatement],
) -> Iterator[tuple[int, cst.Import | cst.ImportFrom]]:
    """The imports at the beginning of a module, with their places in it."""
    for number, statement in enumerate(body):
        if isinstance(statement, cst.SimpleStatementLine) and len(statement.body) == 1:
            line = statement.body[0]
            if isinstance(line, (cst.Import, cst.ImportFrom)):
                yield number, line
                continue
            if isinstance(line, (cst.Assign, cst.AnnAssign)) or (
                isinstance(line, cst.Expr) and isinstance(line.value, cst.BaseString)
            ):
                continue
        if isinstance(statement, (cst.FunctionDef, cst.ClassDef)):
            return
