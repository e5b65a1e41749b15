"""The body of a loop that becomes the body of a ``with``: there is no loop to leave any more.

A provider yields once, so ``break`` and ``continue`` both mean: go on below the loop. At the end
of the body they can go; in the middle, the rest of the body goes into an ``else``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from mypy_asyncsession.fixes.mend import Left

if TYPE_CHECKING:
    from collections.abc import Sequence

_AWAY = (cst.Break, cst.Continue)


def leaves(block: cst.BaseSuite) -> bool:
    """Whether the body of a loop has a ``break``, a ``return`` or a ``raise`` that leaves it."""
    finder = _Exits()
    block.visit(finder)
    return finder.breaks or finder.leaves


def settled(block: cst.BaseSuite) -> cst.BaseSuite:
    """The body of a loop without ``break`` and ``continue``.

    Raises:
        Left: They cannot be taken away.
    """
    return _settled(block) if goes_on(block) else block


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


def _settled(block: cst.BaseSuite) -> cst.BaseSuite:
    if isinstance(block, cst.SimpleStatementSuite):
        small = [line for line in block.body if not isinstance(line, _AWAY)]
        return block.with_changes(body=_last_alone(small) or [cst.Pass()])
    assert isinstance(block, cst.IndentedBlock)
    body, comments = _straight(list(block.body))
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
    statements: list[cst.BaseStatement],
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
        if isinstance(statement, cst.If):
            return [*before, _branches(statement, after)], []
        if after:
            raise Left('it is left by "break" or "continue" in the middle')
        return [*before, _last(statement)], []
    return statements, []


def _branches(statement: cst.If, after: list[cst.BaseStatement]) -> cst.If:
    """An ``if`` that may leave the loop, with what follows it where it does not."""
    if not after:
        orelse = statement.orelse
        if isinstance(orelse, cst.If):
            orelse = _branches(orelse, [])
        elif orelse is not None:
            orelse = orelse.with_changes(body=settled(orelse.body))
        return statement.with_changes(body=settled(statement.body), orelse=orelse)
    if statement.orelse is not None or not _ends_in_exit(statement.body):
        raise Left('it is left by "break" or "continue" in the middle')
    rest = settled(cst.IndentedBlock(body=after))
    return statement.with_changes(body=settled(statement.body), orelse=cst.Else(body=rest))


def _ends_in_exit(block: cst.BaseSuite) -> bool:
    """Whether a block always leaves the loop, by its last statement alone."""
    last: cst.CSTNode = block.body[-1]
    if isinstance(last, cst.SimpleStatementLine):
        last = last.body[-1]
    return isinstance(last, _AWAY)


def _last(statement: cst.BaseStatement) -> cst.BaseStatement:
    """A statement at the end of the body, without the exits in it."""
    if isinstance(statement, cst.With):
        return statement.with_changes(body=settled(statement.body))
    if isinstance(statement, cst.Try):
        if statement.orelse is not None and goes_on(statement.body):
            raise Left('it is left by "break" or "continue" in the middle')
        return statement.with_changes(
            body=settled(statement.body),
            handlers=[
                handler.with_changes(body=settled(handler.body)) for handler in statement.handlers
            ],
            orelse=statement.orelse
            and statement.orelse.with_changes(body=settled(statement.orelse.body)),
            finalbody=statement.finalbody
            and statement.finalbody.with_changes(body=settled(statement.finalbody.body)),
        )
    raise Left('it is left by "break" or "continue" in the middle')
