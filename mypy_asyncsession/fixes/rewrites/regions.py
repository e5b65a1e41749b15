"""Which statements belong into the block of a session that was never entered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.names import assigned, binds, mentions

if TYPE_CHECKING:
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

#: The object, or the class, that a method is called for.
_OBJECT: Final = m.Name("self") | m.Name("cls")
#: Methods that put something into a collection, or a queue.
_PUTTING: Final = ("add", "append", "appendleft", "insert", "put", "put_nowait", "setdefault")


def region(
    source: SourceFile, block: cst.IndentedBlock, statement: cst.SimpleStatementLine, name: str
) -> tuple[int, int]:
    """The places in *block* of *statement* and of the last that has to do with *name*.

    What is computed with the session has to do with it as well: rows may still have to be read.

    Raises:
        CannotFix: The session gets where no block can reach.
    """
    body = list(block.body)
    first = last = body.index(statement)
    function = source.function(statement)
    assert isinstance(function, cst.FunctionDef)
    followed = {name}
    end = len(body)
    for position in range(first + 1, len(body)):
        following = body[position]
        if isinstance(following, cst.SimpleStatementLine) and _binds_anew(following, name):
            end = position
            break
        if any(mentions(following, each) for each in followed):
            last = position
            followed |= binds(following)
    if last == first:
        raise CannotFix("nothing below uses it")
    inside = body[first : last + 1]
    _check_elsewhere(source, function, statement, name, [*inside, *body[end:]])
    for each in inside[1:]:
        _check_kept(each, name)
    return first, last


def _binds_anew(statement: cst.SimpleStatementLine, name: str) -> bool:
    value = assigned(statement, name)
    return value is not None and not mentions(value, name)


def _check_elsewhere(
    source: SourceFile,
    function: cst.FunctionDef,
    statement: cst.SimpleStatementLine,
    name: str,
    known: list[cst.BaseStatement],
) -> None:
    here = {id(found) for each in known for found in mentions(each, name)}
    for found in mentions(function, name):
        if id(found) not in here and not _is_before(source, found, function, statement):
            raise CannotFix(f'"{name}" is used outside of the block that binds it')
    for declared in m.findall(function, m.Global() | m.Nonlocal()):
        assert isinstance(declared, (cst.Global, cst.Nonlocal))
        if any(item.name.value == name for item in declared.names):
            raise CannotFix(f'"{name}" is not of this function alone')


def _is_before(
    source: SourceFile, found: cst.Name, function: cst.FunctionDef, statement: cst.BaseStatement
) -> bool:
    """Whether a mention is over when the statement binds the name."""
    if source.line(found) >= source.line(statement) or source.function(found) is not function:
        return False
    loops = {
        id(each) for each in source.ancestors(statement) if isinstance(each, (cst.For, cst.While))
    }
    return not any(id(each) in loops for each in source.ancestors(found))


def _check_kept(statement: cst.BaseStatement, name: str) -> None:
    """Whether a statement lets the session out.

    Raises:
        CannotFix: It does.
    """
    outside = f'"{name}" is kept for longer than a block'
    holders = {name}
    for node in m.findall(statement, m.OneOf(m.FunctionDef(), m.Lambda(), m.GeneratorExp())):
        if mentions(node, name):
            raise CannotFix(f'a function or generator inside uses "{name}", maybe later')
    for node in m.findall(statement, m.OneOf(m.Assign(), m.AnnAssign())):
        assert isinstance(node, (cst.Assign, cst.AnnAssign))
        if node.value is None:
            continue
        if isinstance(node.value, cst.Name) and node.value.value == name:
            raise CannotFix(outside)
        if _holds(node.value, name):
            targets = (
                [each.target for each in node.targets]
                if isinstance(node, cst.Assign)
                else [node.target]
            )
            if not all(isinstance(target, cst.Name) for target in targets):
                raise CannotFix(outside)
            holders.update(target.value for target in targets if isinstance(target, cst.Name))
    _check_put_away(statement, name)
    _check_returned(statement, name, holders)


def check_stays(source: SourceFile, loop: cst.For) -> None:
    """Whether what a loop is given stays in the loop, which is to become a block.

    Raises:
        CannotFix: It is used by others when the block would have closed it.
    """
    function = source.function(loop)
    if not isinstance(loop.target, cst.Name) or not isinstance(function, cst.FunctionDef):
        return
    name = loop.target.value
    holders = {name}
    for node in m.findall(loop.body, m.OneOf(m.Assign(), m.AnnAssign())):
        assert isinstance(node, (cst.Assign, cst.AnnAssign))
        value = node.value
        if value is None or not (m.matches(value, m.Name(name)) or _holds(value, name)):
            continue
        targets = [node.target] if isinstance(node, cst.AnnAssign) else node.targets
        for target in (
            each.target if isinstance(each, cst.AssignTarget) else each for each in targets
        ):
            if isinstance(target, cst.Name):
                holders.add(target.value)
            elif m.matches(target, m.Attribute(_OBJECT) | m.Subscript(m.Attribute())):
                raise CannotFix(f'"{name}" is kept for longer than a block')
    _check_put_away(loop.body, name)
    _check_returned(loop.body, name, holders)
    end = source.range(loop).end.line
    for holder in sorted(holders - {name}):
        below = [found for found in mentions(function, holder) if source.line(found) > end]
        if below and not isinstance(source.parent(below[0]), cst.AssignTarget):
            raise CannotFix(f'"{name}" is used below the loop, as "{holder}"')


def _check_returned(node: cst.CSTNode, name: str, holders: set[str]) -> None:
    for found in m.findall(node, m.Return()):
        assert isinstance(found, cst.Return)
        value = found.value
        if value is None:
            continue
        if _hands_out(value, name, holders):
            raise CannotFix(f'"{name}" is returned, to be used by others')


def _hands_out(value: cst.BaseExpression, name: str, holders: set[str]) -> bool:
    """Whether who gets a value can use the session through it."""
    if isinstance(value, cst.Name):
        return value.value in holders
    if isinstance(value, (cst.Tuple, cst.List, cst.Set, cst.Dict)):
        return any(_hands_out(element.value, name, holders) for element in value.elements)
    if isinstance(value, cst.IfExp):
        return any(_hands_out(each, name, holders) for each in (value.body, value.orelse))
    if isinstance(value, cst.Call):
        return any(_hands_out(argument.value, name, {name}) for argument in value.args)
    if isinstance(value, (cst.GeneratorExp, cst.Lambda)):
        return bool(mentions(value, name))
    streamed = m.Attribute(m.Name(name), m.Name("stream") | m.Name("stream_scalars"))
    return m.matches(value, m.Await(m.Call(func=streamed)))


def _check_put_away(node: cst.CSTNode, name: str) -> None:
    """Whether the session is put into what is not of this function.

    Raises:
        CannotFix: It is.
    """
    method = m.Attribute(value=m.Attribute() | m.Subscript(), attr=m.OneOf(*map(m.Name, _PUTTING)))
    for call in m.findall(node, m.Call(func=method)):
        assert isinstance(call, cst.Call)
        if any(m.matches(argument.value, m.Name(name)) for argument in call.args):
            raise CannotFix(f'"{name}" is kept for longer than a block')


def _holds(value: cst.BaseExpression, name: str) -> bool:
    """Whether a value is made of the session by a plain call, which may keep it."""
    return isinstance(value, cst.Call) and any(
        isinstance(argument.value, cst.Name) and argument.value.value == name
        for argument in value.args
    )
