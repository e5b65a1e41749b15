"""The events of statements, and how control passes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssertStmt,
    AssignmentStmt,
    Block,
    BreakStmt,
    ClassDef,
    ContinueStmt,
    Decorator,
    DelStmt,
    ExpressionStmt,
    ForStmt,
    FuncDef,
    IfStmt,
    Import,
    ImportAll,
    ImportFrom,
    IndexExpr,
    MatchStmt,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    OverloadedFuncDef,
    RaiseStmt,
    ReturnStmt,
    TempNode,
    TryStmt,
    WhileStmt,
    WithStmt,
)
from mypy.patterns import AsPattern, ClassPattern, MappingPattern, OrPattern, ValuePattern

from mypy_asyncsession.semantic.cfg.exceptions import EVERY_WAY, Exceptions
from mypy_asyncsession.semantic.cfg.expressions import ERROR, WAITING, Expressions
from mypy_asyncsession.semantic.cfg.flow import KIND_OF, Branches, Frame
from mypy_asyncsession.semantic.cfg.graph import EdgeKind, PointKind, Way, WithItem
from mypy_asyncsession.semantic.cfg.handlers import RAISING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import Expression, Node, Statement
    from mypy.patterns import Pattern

    from mypy_asyncsession.semantic.cfg.expressions import Steps
    from mypy_asyncsession.semantic.cfg.flow import Flow, Loose

_IMPORTS: Final = (Import, ImportFrom, ImportAll)
_JUMPS: Final = {BreakStmt: Way.BREAK, ContinueStmt: Way.CONTINUE}


class Statements:
    """Adds the points of statements to a graph."""

    def __init__(
        self,
        flow: Flow,
        expressions: Expressions,
        may_swallow: Callable[[WithItem, Way], bool],
    ) -> None:
        self._flow = flow
        self._expressions = expressions
        self._may_swallow = may_swallow
        self._exceptions = Exceptions(flow, expressions, self.block)

    def end(self) -> None:
        """Add no more: else the parts hold each other, and the graph, until they are collected."""
        del self._exceptions

    def block(self, block: Block | Sequence[Statement] | None) -> Steps:
        """The statements of a block, as far as they are reached."""
        if block is None:
            return
        if isinstance(block, Block):
            if block.is_unreachable:
                self._flow.dead()
                return
            block = block.body
        flow = self._flow
        around = flow.statement
        for statement in block:
            if not flow.loose:
                break
            flow.statement = statement
            yield self._statement(statement)
        flow.statement = around

    def _statement(self, statement: Statement) -> Steps:
        if isinstance(statement, (ExpressionStmt, ReturnStmt, DelStmt)):
            return self._simple(statement)
        if isinstance(statement, (AssignmentStmt, OperatorAssignmentStmt)):
            return self._assignment(statement)
        if isinstance(statement, IfStmt):
            return self._if(statement)
        if isinstance(statement, WhileStmt):
            return self._while(statement)
        if isinstance(statement, ForStmt):
            return self._for(statement)
        if isinstance(statement, WithStmt):
            return self._with(statement)
        if isinstance(statement, TryStmt):
            return self._exceptions.attempt(statement)
        if isinstance(statement, MatchStmt):
            return self._match(statement)
        if isinstance(statement, RaiseStmt):
            return self._exceptions.raising(statement)
        if isinstance(statement, AssertStmt):
            return self._assert(statement)
        if isinstance(statement, Block):
            return self.block(statement)
        return self._other(statement)

    def _simple(self, statement: ExpressionStmt | ReturnStmt | DelStmt) -> Steps:
        flow = self._flow
        if isinstance(statement, DelStmt):
            yield self._expressions.target(statement.expr)
            flow.risky = True
        elif statement.expr is not None:
            yield self._expressions.value(statement.expr)
        if flow.loose:
            returns = isinstance(statement, ReturnStmt)
            if returns:
                flow.point(PointKind.RETURN, statement, way=Way.RETURN)
                flow.jump(Way.RETURN)
            else:
                flow.point(PointKind.STATEMENT, statement)

    def _assignment(self, statement: AssignmentStmt | OperatorAssignmentStmt) -> Steps:
        flow = self._flow
        if isinstance(statement, OperatorAssignmentStmt):
            yield self._expressions.value(statement.lvalue)
            flow.risky = True
            yield self._expressions.value(statement.rvalue)
        else:
            if not isinstance(statement.rvalue, TempNode):
                yield self._expressions.value(statement.rvalue)
            for lvalue in statement.lvalues:
                yield self._expressions.target(lvalue)
        if flow.loose:
            flow.point(PointKind.STATEMENT, statement)

    def _other(self, statement: Statement) -> Steps:
        """Jumps, definitions, imports, and what does nothing."""
        flow = self._flow
        parts: list[Expression] = []
        if isinstance(statement, ClassDef):
            parts = [*statement.decorators, *statement.base_type_exprs]
            parts += filter(None, (statement.metaclass, *statement.keywords.values()))
        for part in parts:
            yield self._expressions.value(part)
        items: list[Node] = [statement]
        if isinstance(statement, OverloadedFuncDef):
            items = [*statement.items]
        for item in items:
            if isinstance(item, Decorator):
                for decorator in item.original_decorators:
                    yield self._expressions.value(decorator)
            function = item.func if isinstance(item, Decorator) else item
            if isinstance(function, FuncDef):
                yield self._expressions.defaults(function)
        if not flow.loose:
            return
        risky = isinstance(statement, (ClassDef, Decorator, *_IMPORTS))
        way = _JUMPS.get(type(statement))
        flow.point(PointKind.STATEMENT, statement, raises=ERROR if risky else (), way=way)
        if way is not None:
            flow.jump(way)

    def _assert(self, statement: AssertStmt) -> Steps:
        flow = self._flow
        branches = Branches()
        yield self._expressions.condition(statement.expr, branches)
        flow.loose = branches.false
        if statement.msg is not None:
            yield self._expressions.value(statement.msg)
        if flow.loose:
            flow.point(PointKind.RAISE, statement, raises=ERROR)
        flow.dead()
        flow.loose = branches.true

    def _if(self, statement: IfStmt) -> Steps:
        flow = self._flow
        ends: Loose = []
        # mypy nests each ``elif`` in the ``else`` of the one before.
        current: IfStmt | None = statement
        other: Block | None = None
        while current is not None and flow.loose:
            for test, block in zip(current.expr, current.body, strict=True):
                branches = Branches()
                yield self._expressions.condition(test, branches)
                flow.loose = branches.true
                yield self.block(block)
                ends += flow.loose
                flow.loose = branches.false
            other, current = current.else_body, None
            if other is not None and len(other.body) == 1 and not other.is_unreachable:
                only = other.body[0]
                if isinstance(only, IfStmt):
                    current, other = only, None
                    flow.statement = only
        if other is not None:
            yield self.block(other)
        flow.loose = ends + flow.loose

    def _while(self, statement: WhileStmt) -> Steps:
        flow = self._flow
        top = flow.point(PointKind.LOOP, statement)
        branches = Branches()
        yield self._expressions.condition(statement.expr, branches)
        flow.loose = branches.true
        yield self._loop(statement.body, statement, top)
        ends = flow.loose
        flow.loose = branches.false
        yield self.block(statement.else_body)
        flow.loose = flow.loose + ends

    def _for(self, statement: ForStmt) -> Steps:
        flow = self._flow
        yield self._expressions.value(statement.expr)
        if not flow.loose:
            return
        flow.point(PointKind.ITERATE, statement, raises=ERROR)
        raises = WAITING if statement.is_async else ERROR
        top = flow.point(PointKind.NEXT, statement, raises=raises)
        flow.loose = [(top, EdgeKind.TRUE)]
        yield self._loop(statement.body, statement, top, statement.index)
        ends = flow.loose
        flow.loose = [(top, EdgeKind.FALSE)]
        yield self.block(statement.else_body)
        flow.loose = flow.loose + ends

    def _loop(
        self, body: Block, statement: Statement, top: int, index: Expression | None = None
    ) -> Steps:
        """The body of a loop; what is loose in the end has come from a ``break``."""
        flow = self._flow
        frame = Frame(flow.frame, (Way.BREAK, Way.CONTINUE), PointKind.JOIN, statement)
        frame.landings[Way.CONTINUE] = top
        flow.frame = frame
        if index is not None:
            yield self._bind(index)
        yield self.block(body)
        flow.jump(Way.CONTINUE)
        assert frame.outer is not None
        flow.frame = frame.outer
        broken = frame.landings.get(Way.BREAK)
        flow.loose = [] if broken is None else [(broken, EdgeKind.NORMAL)]

    def _bind(self, target: Expression) -> Steps:
        yield self._expressions.target(target)
        if self._flow.loose:
            self._flow.point(PointKind.BIND, target)

    def _with(self, statement: WithStmt) -> Steps:
        flow = self._flow
        raises = WAITING if statement.is_async else ERROR
        frames: list[Frame] = []
        for position, (expression, target) in enumerate(
            zip(statement.expr, statement.target, strict=True)
        ):
            yield self._expressions.value(expression)
            if not flow.loose:
                break
            flow.point(PointKind.ENTER, statement, raises=raises, item=position)
            flow.frame = Frame(flow.frame, EVERY_WAY, PointKind.LEAVE, statement, position)
            frames.append(flow.frame)
            if target is not None:
                yield self._bind(target)
        if len(frames) == len(statement.expr):
            yield self.block(statement.body)
        for frame in reversed(frames):
            assert frame.outer is not None
            flow.frame = frame.outer
            if flow.loose:
                flow.point(
                    PointKind.LEAVE, statement, raises=raises, item=frame.item, way=Way.NORMAL
                )
            item = WithItem(statement, frame.item)
            for way, landing in frame.landings.items():
                flow.raise_at(landing, raises)
                flow.graph.connect(landing, flow.target(way), KIND_OF[way])
                if way in RAISING and self._may_swallow(item, way):
                    flow.loose.append((landing, EdgeKind.SWALLOW))

    def _match(self, statement: MatchStmt) -> Steps:
        flow = self._flow
        yield self._expressions.value(statement.subject)
        ends: Loose = []
        for position, (pattern, guard, body) in enumerate(
            zip(statement.patterns, statement.guards, statement.bodies, strict=True)
        ):
            if not flow.loose:
                break
            self._looked_up(pattern)
            point = flow.point(PointKind.CASE, pattern, item=position)
            others: Loose = [] if _matches_all(pattern) else [(point, EdgeKind.FALSE)]
            flow.loose = [(point, EdgeKind.TRUE)]
            if guard is not None:
                branches = Branches()
                yield self._expressions.condition(guard, branches)
                flow.loose = branches.true
                others += branches.false
            yield self.block(body)
            ends += flow.loose
            flow.loose = others
        flow.loose = ends + flow.loose

    def _looked_up(self, pattern: Pattern) -> None:
        """What a pattern looks up; only lookups and literals can stand in one."""
        flow = self._flow
        stack: list[Node] = [pattern]
        while stack:
            top = stack.pop()
            if isinstance(top, ValuePattern):
                flow.risky = True
                stack.append(top.expr)
            elif isinstance(top, ClassPattern):
                flow.risky = True
                stack += [*top.keyword_values, *top.positionals, top.class_ref]
            elif isinstance(top, MappingPattern):
                flow.risky = True
                stack += [*top.values, *top.keys]
            elif isinstance(top, (NameExpr, MemberExpr, IndexExpr)):
                flow.reads.append(top)
                if isinstance(top, MemberExpr):
                    stack.append(top.expr)
            else:
                inner = getattr(top, "patterns", None) or [getattr(top, "pattern", None)]
                stack += [each for each in inner if each is not None]


def _matches_all(pattern: Pattern) -> bool:
    """Whether a pattern matches whatever there is: ``case _`` or ``case name``."""
    stack: list[Pattern] = [pattern]
    while stack:
        top = stack.pop()
        if isinstance(top, AsPattern):
            if top.pattern is None:
                return True
            stack.append(top.pattern)
        elif isinstance(top, OrPattern):
            stack += top.patterns
    return False
