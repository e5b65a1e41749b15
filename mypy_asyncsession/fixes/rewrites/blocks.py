"""The body of a loop that becomes the body of a ``with``: there is no loop to leave any more.

A provider yields once, so ``break`` and ``continue`` both mean: go on below the loop. At the end
of the body they can go. In the middle they become ``return`` where nothing is left to do below;
elsewhere the rest of the body goes into an ``else``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.fixes.editing.source_file import SourceFile

_AWAY = (cst.Break, cst.Continue)
#: A block that does nothing, and says nothing.
_NOTHING = m.IndentedBlock(
    body=[
        m.SimpleStatementLine(
            body=[m.Pass()],
            leading_lines=[],
            trailing_whitespace=m.TrailingWhitespace(comment=None),
        )
    ],
    header=m.TrailingWhitespace(comment=None),
    footer=[],
)


def leaves(block: cst.BaseSuite) -> bool:
    """Whether the body of a loop has a ``break``, a ``return`` or a ``raise`` that leaves it."""
    finder = _Exits()
    block.visit(finder)
    return finder.breaks or finder.leaves


def settled(block: cst.BaseSuite, *, last: bool = False) -> cst.BaseSuite:
    """The body of a loop without ``break`` and ``continue``.

    Args:
        block: The body.
        last: Whether the function is at its end below the loop.

    Raises:
        CannotFix: They cannot be taken away.
    """
    return _settled(block, last) if goes_on(block) else block


def is_last(source: SourceFile, statement: cst.BaseStatement) -> bool:
    """Whether a function does nothing more below a statement, and gives nothing back."""
    function = source.function(statement)
    if not isinstance(function, cst.FunctionDef) or _gives(source, function):
        return False
    inner: cst.CSTNode = statement
    for around in source.ancestors(statement):
        if around is function:
            return True
        if isinstance(around, cst.IndentedBlock):
            if around.body[-1] is not inner:
                return False
        elif isinstance(around, cst.Try):
            if around.orelse is not None and inner is around.body:
                return False
        elif not isinstance(around, (cst.Else, cst.ExceptHandler, cst.If, cst.With)):
            return False
        inner = around
    return False


def _gives(source: SourceFile, function: cst.FunctionDef) -> bool:
    """Whether a function is there for its result."""
    returns = function.returns
    if returns is not None and not m.matches(returns.annotation, m.Name("None")):
        return True
    return any(
        source.function(found) is function
        for found in m.findall(function.body, m.Return(value=m.DoNotCare()))
        if isinstance(found, cst.Return) and found.value is not None
    )


def ends(block: cst.BaseSuite) -> bool:
    """Whether a block ends its function in every case: by a ``return`` or ``raise`` at its end."""
    last: cst.CSTNode = block.body[-1]
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    if isinstance(last, cst.If):
        if last.orelse is None:
            return False
        rest = last.orelse
        below = cst.IndentedBlock([rest]) if isinstance(rest, cst.If) else rest.body
        return ends(last.body) and ends(below)
    return isinstance(last, (cst.Return, cst.Raise))


def goes_on(node: cst.CSTNode) -> bool:
    """Whether there is a ``break`` or ``continue`` of this loop's in *node*."""
    finder = _Exits()
    node.visit(finder)
    return finder.breaks or finder.continues


class _Exits(cst.CSTVisitor):
    """Looks for what leaves a loop, in its body."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks = self.continues = self.leaves = False
        self._loops = 0

    def visit_Break(self, _node: cst.Break) -> None:  # noqa: N802
        self.breaks = self.breaks or not self._loops

    def visit_Continue(self, _node: cst.Continue) -> None:  # noqa: N802
        self.continues = self.continues or not self._loops

    def visit_Return(self, _node: cst.Return) -> None:  # noqa: N802
        self.leaves = True

    def visit_Raise(self, _node: cst.Raise) -> None:  # noqa: N802
        self.leaves = True

    def visit_FunctionDef(self, _node: cst.FunctionDef) -> bool:  # noqa: N802
        return False

    def visit_ClassDef(self, _node: cst.ClassDef) -> bool:  # noqa: N802
        return False

    def _visit_loop(self, node: cst.For | cst.While) -> bool:
        self._loops += 1
        node.body.visit(self)
        self._loops -= 1
        if node.orelse is not None:
            node.orelse.visit(self)
        return False

    visit_For = visit_While = _visit_loop  # noqa: N815


def _settled(block: cst.BaseSuite, last: bool) -> cst.BaseSuite:
    if isinstance(block, cst.SimpleStatementSuite):
        small = [line for line in block.body if not isinstance(line, _AWAY)]
        return block.with_changes(body=_last_alone(small) or [cst.Pass()])
    assert isinstance(block, cst.IndentedBlock)
    body, comments = _straight(list(block.body), last)
    footer = [*comments, *block.footer]
    if not body:
        body = [cst.SimpleStatementLine([cst.Pass()], leading_lines=comments)]
        footer = list(block.footer)
    return block.with_changes(body=body, footer=footer)


def _last_alone(small: Sequence[cst.BaseSmallStatement]) -> list[cst.BaseSmallStatement]:
    """Small statements of a line, the last of them without a semicolon."""
    return [
        line.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) if line is small[-1] else line
        for line in small
    ]


def _straight(
    statements: list[cst.BaseStatement], last: bool
) -> tuple[list[cst.BaseStatement], list[cst.EmptyLine]]:
    """Statements that go on below the loop in every case, and the comments that are left over."""
    for position, statement in enumerate(statements):
        if not goes_on(statement):
            continue
        before, after = statements[:position], statements[position + 1 :]
        if isinstance(statement, cst.SimpleStatementLine):
            small = [line for line in statement.body if not isinstance(line, _AWAY)]
            if small:
                kept = statement.with_changes(body=_last_alone(small))
                return [*before, kept], []
            return before, [line for line in statement.leading_lines if line.comment is not None]
        if after and last:
            rest, comments = _straight(after, last)
            return [*before, _returning(statement), *rest], comments
        if isinstance(statement, cst.If):
            return [*before, _branches(statement, after, last)], []
        if after:
            raise CannotFix('it is left by "break" or "continue" in the middle')
        return [*before, _last(statement, last)], []
    return statements, []


def _branches(statement: cst.If, after: list[cst.BaseStatement], last: bool) -> cst.If:
    """An ``if`` that may leave the loop, with what follows it where it does not."""
    if not after:
        orelse = statement.orelse
        if isinstance(orelse, cst.If):
            orelse = _branches(orelse, [], last)
        elif orelse is not None:
            orelse = orelse.with_changes(body=settled(orelse.body, last=last))
        return statement.with_changes(body=settled(statement.body, last=last), orelse=orelse)
    if statement.orelse is not None or not _ends_in_exit(statement.body):
        raise CannotFix('it is left by "break" or "continue" in the middle')
    rest = settled(cst.IndentedBlock(body=beginning(after)))
    body = settled(statement.body)
    opposite = _opposite(statement.test) if m.matches(body, _NOTHING) else None
    if opposite is not None:
        return statement.with_changes(test=opposite, body=rest)
    return statement.with_changes(body=body, orelse=cst.Else(body=rest))


def _opposite(test: cst.BaseExpression) -> cst.BaseExpression | None:
    """The condition of an ``else``, where that is no more to read; ``None`` elsewhere."""
    if isinstance(test, cst.UnaryOperation) and m.matches(test, m.UnaryOperation(m.Not(), lpar=[])):
        return test.expression
    if isinstance(test, (cst.Attribute, cst.Call, cst.Name, cst.Subscript)) and not test.lpar:
        return cst.UnaryOperation(cst.Not(), test)
    if isinstance(test, cst.Comparison) and len(test.comparisons) == 1:
        compared = test.comparisons[0]
        for one, other in ((cst.Is, cst.IsNot), (cst.In, cst.NotIn)):
            if isinstance(compared.operator, one):
                return test.with_changes(comparisons=[compared.with_changes(operator=other())])
            if isinstance(compared.operator, other):
                return test.with_changes(comparisons=[compared.with_changes(operator=one())])
    return None


def beginning(body: Sequence[cst.BaseStatement]) -> list[cst.BaseStatement]:
    """Statements that are to begin a block, which no empty lines do."""
    first = body[0]
    assert isinstance(first, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
    lines = list(first.leading_lines)
    while lines and lines[0].comment is None:
        lines.pop(0)
    return [first.with_changes(leading_lines=lines), *body[1:]]


class _Returning(cst.CSTTransformer):
    """Makes ``return`` of what leaves or goes on with a loop; inner loops keep theirs."""

    def visit_For(self, _node: cst.For) -> bool:  # noqa: N802
        return False

    def visit_While(self, _node: cst.While) -> bool:  # noqa: N802
        return False

    def visit_FunctionDef(self, _node: cst.FunctionDef) -> bool:  # noqa: N802
        return False

    def visit_ClassDef(self, _node: cst.ClassDef) -> bool:  # noqa: N802
        return False

    def leave_Break(self, _old: cst.Break, new: cst.Break) -> cst.Return:  # noqa: N802
        return cst.Return(semicolon=new.semicolon)

    def leave_Continue(self, _old: cst.Continue, new: cst.Continue) -> cst.Return:  # noqa: N802
        return cst.Return(semicolon=new.semicolon)


def _returning(statement: cst.BaseStatement) -> cst.BaseStatement:
    """A statement that ends the function where it ended the loop.

    Raises:
        CannotFix: It does so in the ``else`` of an inner loop.
    """
    new = statement.visit(_Returning())
    assert isinstance(new, cst.BaseStatement)
    if goes_on(new):
        raise CannotFix('it is left by "break" or "continue" in the middle')
    return new


def _ends_in_exit(block: cst.BaseSuite) -> bool:
    """Whether a block always leaves the loop, by its last statement alone."""
    last: cst.CSTNode = block.body[-1]
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, _AWAY)


def _last(statement: cst.BaseStatement, last: bool) -> cst.BaseStatement:
    """A statement at the end of the body, without the exits in it."""
    if isinstance(statement, cst.With):
        return statement.with_changes(body=settled(statement.body, last=last))
    if isinstance(statement, cst.Try):
        if statement.orelse is not None and goes_on(statement.body):
            raise CannotFix('it is left by "break" or "continue" in the middle')
        return statement.with_changes(
            body=settled(statement.body, last=last),
            handlers=[
                handler.with_changes(body=settled(handler.body, last=last))
                for handler in statement.handlers
            ],
            orelse=statement.orelse
            and statement.orelse.with_changes(body=settled(statement.orelse.body, last=last)),
            finalbody=statement.finalbody
            and statement.finalbody.with_changes(body=settled(statement.finalbody.body)),
        )
    raise CannotFix('it is left by "break" or "continue" in the middle')
