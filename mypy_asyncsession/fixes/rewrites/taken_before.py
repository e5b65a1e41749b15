"""An attribute that a rollback has expired: its value is taken before, and read instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.names import binding_of, binds, fresh
from mypy_asyncsession.fixes.fix import Fix, Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

#: What the methods are called that give an instance, and never ``None``.
_GIVING: Final = frozenset({"get_one", "merge", "one", "scalar_one"})
#: What may be given an instance, and leaves its attributes as they are.
_LEAVING: Final = frozenset(
    {"add", "bool", "delete", "getattr", "hasattr", "isinstance", "print", "refresh", "repr", "str"}
)
_LOOPS: Final = (cst.For, cst.While)


class _Read(NamedTuple):
    """What is read too late.

    Attributes:
        node: The read.
        name: The name of the instance.
        attributes: All the columns of it that the function reads.
        function: The function around.
        expired: The line of the rollback.
    """

    node: cst.Attribute
    name: cst.Name
    attributes: tuple[str, ...]
    function: cst.FunctionDef
    expired: int


#: Why others are left, by how they are read.
_LEFT: Final = {
    "COMMIT": "decide whether what the commit has made of it is wanted",
    "MODEL": "the model needs the instance as it is then",
    "RELATIONSHIP": "decide what is loaded of it",
}


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "ExpiredRead" and bool(misuse.steps)


def _draft(site: Site) -> Draft:
    source = site.source
    if site.misuse.how in _LEFT:
        raise CannotFix(_LEFT[site.misuse.how])
    read = _read(site)
    place, region = _place(source, read)
    _check_bound(source, read, place)
    draft = Draft(key=("taken", source.path, id(place), read.name.value))
    taken = []
    for attribute in read.attributes:
        reads = list(_reads(source, read, attribute, region))
        if not reads:
            continue
        _check_unchanged(source, read, attribute, place)
        value = fresh(source, read.node, [f"{read.name.value}_{attribute}"])
        for each in reads:
            draft.replace(source, each, cst.Name(value))
        held = cst.Attribute(read.name, cst.Name(attribute))
        line = cst.Assign([cst.AssignTarget(cst.Name(value))], held)
        taken.append(cst.SimpleStatementLine([line]))
    if not taken:
        raise CannotFix("decide where it is taken")
    draft.change(source, place, lambda old: _preceded(old, taken))
    return draft


def _preceded(
    old: cst.CSTNode, taken: Sequence[cst.SimpleStatementLine]
) -> cst.FlattenSentinel[cst.CSTNode]:
    assert isinstance(old, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    lines = [*old.leading_lines]
    blank = []
    while lines and lines[0].comment is None:
        blank.append(lines.pop(0))
    first, *more = taken
    return cst.FlattenSentinel(
        [
            first.with_changes(leading_lines=blank),
            *more,
            old.with_changes(leading_lines=lines),
        ]
    )


def _read(site: Site) -> _Read:
    source = site.source
    node = source.expression(site.finding.span, site.misuse.text)
    function = source.function(node)
    if not isinstance(node, cst.Attribute) or not isinstance(node.value, cst.Name):
        raise CannotFix("decide what is read of it before")
    if not isinstance(function, cst.FunctionDef):
        raise CannotFix("it is read in another function")
    for around in source.ancestors(node):
        if isinstance(around, (cst.BaseComp, cst.NamedExpr)):
            raise CannotFix("it is one of several instances")
        if around is function:
            break
    attributes = tuple((site.misuse.name or node.attr.value).split())
    return _Read(node, node.value, attributes, function, site.misuse.steps[0].line)


# Where the value is taken


def _place(source: SourceFile, read: _Read) -> tuple[cst.BaseStatement, Sequence[cst.CSTNode]]:
    """The statement before which the value is taken, and the statements that then read it.

    In a handler what has failed may have rolled back already: it is taken before the ``try``.
    """
    around = _up_to(source, read.node, read.function)
    for handler in around:
        if isinstance(handler, cst.ExceptHandler):
            tried = source.parent(handler)
            if isinstance(tried, cst.Try) and source.line(tried) <= read.expired:
                return tried, handler.body.body
            raise CannotFix("it had expired before what is tried here")
    for block in around:
        for position, statement in enumerate(
            block.body if isinstance(block, cst.IndentedBlock) else ()
        ):
            if statement in around or not _spans(source, statement, read.expired):
                continue
            if source.line(statement) > source.line(read.node):
                break
            if isinstance(statement, cst.Try):
                raise CannotFix("decide where it is taken")
            return statement, block.body[position + 1 :]  # type: ignore[attr-defined]
    raise CannotFix("it has expired in an earlier round")


def _up_to(source: SourceFile, node: cst.CSTNode, last: cst.CSTNode) -> list[cst.CSTNode]:
    """What is around a node, the nearest first."""
    found = []
    for each in source.ancestors(node):
        found.append(each)
        if each is last:
            break
    return found


def _spans(source: SourceFile, node: cst.CSTNode, line: int) -> bool:
    found = source.range(node)
    return found.start.line <= line <= found.end.line


def _reads(
    source: SourceFile, read: _Read, attribute: str, region: Sequence[cst.CSTNode]
) -> Iterator[cst.Attribute]:
    """The reads of an attribute that come after the rollback."""
    wanted = m.Attribute(m.Name(read.name.value), m.Name(attribute))
    for statement in region:
        for each in m.findall(statement, wanted):
            assert isinstance(each, cst.Attribute)
            line = source.line(each)
            is_after = line > read.expired or line == source.line(read.node)
            if is_after and source.function(each) is read.function:
                yield each


# Whether the value is the same, and there, where it is taken


def _check_unchanged(
    source: SourceFile, read: _Read, attribute: str, place: cst.BaseStatement
) -> None:
    """Whether the attribute has in the database what it holds where the value is taken."""
    name, function = read.name.value, read.function
    target = m.Attribute(m.Name(name), m.Name(attribute))
    changing = [
        *m.findall(function, m.AssignTarget(target)),
        *m.findall(function, m.AugAssign(target)),
        *m.findall(function, m.AnnAssign(target)),
        *m.findall(function, m.Call(m.Name("setattr"), [m.Arg(m.Name(name)), m.ZeroOrMore()])),
    ]
    if changing:
        raise CannotFix("it is assigned to in this function")
    for call in m.findall(function, m.Call()):
        assert isinstance(call, cst.Call)
        called = call.func.attr if isinstance(call.func, cst.Attribute) else call.func
        if source.line(call) >= source.line(place):
            continue
        if isinstance(called, cst.Name) and called.value in _LEAVING:
            continue
        if any(m.matches(each.value, m.Name(name)) for each in call.args):
            raise CannotFix("what the instance is given to before may change it")


def _check_bound(source: SourceFile, read: _Read, place: cst.BaseStatement) -> None:
    """Whether the name surely holds that instance where the value is taken."""
    name = read.name.value
    around = [place, *source.ancestors(place)]
    parameter = _parameter(read.function, name)
    if parameter is not None:
        if name in binds(read.function.body):
            raise CannotFix(f'"{name}" is bound in several places')
        block: cst.CSTNode = read.function.body
        begins, is_there = source.line(read.function), _is_told(source, parameter)
    else:
        if _is_loop_target(read.function, name):
            raise CannotFix("the instances of the next rounds have expired, too")
        binding, value = binding_of(source, read.name)
        block, begins, is_there = source.parent(binding), source.line(binding), _gives(value)
        if not any(each is block for each in around):
            raise CannotFix(f'"{name}" may not be bound before')
    if begins >= source.line(place) and parameter is None:
        raise CannotFix(f'"{name}" may not be bound before')
    for each in around:
        if isinstance(each, _LOOPS):
            raise CannotFix("it would have expired in the next round")
        if isinstance(each, cst.IndentedBlock):
            before = [one for one in each.body if begins < source.line(one) < source.line(place)]
            is_there = is_there or any(_shows(one, name) for one in before)
        if each is block:
            break
    if not is_there:
        raise CannotFix(f'"{name}" may be None')


def _parameter(function: cst.FunctionDef, name: str) -> cst.Param | None:
    params = function.params
    every = [*params.posonly_params, *params.params, *params.kwonly_params]
    return next((each for each in every if each.name.value == name), None)


def _is_told(source: SourceFile, parameter: cst.Param) -> bool:
    """Whether a parameter's annotation rules ``None`` out."""
    if parameter.annotation is None or parameter.default is not None:
        return False
    text = source.code(parameter.annotation.annotation)
    return "None" not in text and "Optional" not in text and "Any" not in text


def _is_loop_target(function: cst.FunctionDef, name: str) -> bool:
    return any(
        isinstance(each, cst.For) and m.findall(each.target, m.Name(name))
        for each in m.findall(function, m.For())
    )


def _gives(value: cst.BaseExpression) -> bool:
    """Whether an expression gives an instance, and never ``None``."""
    while isinstance(value, cst.Await):
        value = value.expression
    if not isinstance(value, cst.Call) or not isinstance(value.func, cst.Attribute):
        return False
    return value.func.attr.value in _GIVING


def _shows(statement: cst.CSTNode, name: str) -> bool:
    """Whether the function does not get past a statement where a name holds ``None``."""
    is_none = m.Comparison(m.Name(name), [m.ComparisonTarget(m.Is(), m.Name("None"))])
    no = m.UnaryOperation(m.Not(), m.Name(name))
    if isinstance(statement, cst.If):
        test = statement.test
        first = test.left if m.matches(test, m.BooleanOperation(operator=m.Or())) else test  # type: ignore[attr-defined]
        return m.matches(first, is_none | no) and _leaves(statement.body)
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    if m.findall(statement, m.Lambda() | m.IfExp() | m.BooleanOperation()):
        return False
    used = m.findall(statement, m.Attribute(m.Name(name)))
    asserted = m.findall(statement, m.Assert(m.Name(name)))
    return bool(used or asserted) or bool(
        m.findall(
            statement,
            m.Assert(m.Comparison(m.Name(name), [m.ComparisonTarget(m.IsNot(), m.Name("None"))])),
        )
    )


def _leaves(body: cst.BaseSuite) -> bool:
    """Whether a block ends with a statement that leaves it."""
    last = body.body[-1]
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, (cst.Raise, cst.Return, cst.Continue, cst.Break))


FIX = Fix(
    summary="an attribute that a rollback has expired: its value, taken before that",
    fits=_fits,
    draft=_draft,
)
