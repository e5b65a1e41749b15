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

from mypy_asyncsession.semantic.cfg.expressions import ERROR, WAITING, Expressions
from mypy_asyncsession.semantic.cfg.flow import KIND_OF, Branches, Frame
from mypy_asyncsession.semantic.cfg.graph import EdgeKind, PointKind, Way, WithItem
from mypy_asyncsession.semantic.cfg.handlers import RAISING, may_catch, must_catch, way_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mypy.nodes import Expression, Node, Statement
    from mypy.patterns import Pattern

    from mypy_asyncsession.semantic.cfg.expressions import Steps
    from mypy_asyncsession.semantic.cfg.flow import Flow, Loose

_JUMPS: Final = (Way.RETURN, Way.BREAK, Way.CONTINUE)
_EVERY: Final = (*_JUMPS, *RAISING)
#: How deep a ``finally`` inside a ``finally`` is built once for each way that comes to it. Beyond
#: it the ways share one copy, and their ends are mixed: each level would multiply the graph.
_COPIED: Final = 2
_IMPORTS: Final = (Import, ImportFrom, ImportAll)


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
        self._finally_depth = 0
        # The ways on which the handler around was come to, and the name of what it caught.
        self._caught: tuple[Sequence[Way], str | None] = ((), None)

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
            return self._try(statement)
        if isinstance(statement, MatchStmt):
            return self._match(statement)
        if isinstance(statement, RaiseStmt):
            return self._raise(statement)
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
            flow.point(PointKind.RETURN if returns else PointKind.STATEMENT, statement)
            if returns:
                flow.jump(Way.RETURN)

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
        flow.point(PointKind.STATEMENT, statement, raises=ERROR if risky else ())
        if isinstance(statement, (BreakStmt, ContinueStmt)):
            flow.jump(Way.BREAK if isinstance(statement, BreakStmt) else Way.CONTINUE)

    def _raise(self, statement: RaiseStmt) -> Steps:
        flow = self._flow
        for part in (statement.expr, statement.from_expr):
            if part is not None:
                yield self._expressions.value(part)
        if not flow.loose:
            return
        ways, name = self._caught
        raised = statement.expr
        again = raised is None or (isinstance(raised, NameExpr) and raised.name == name)
        if not (again and ways):
            ways = (way_of(raised),)
        flow.point(PointKind.RAISE, statement, raises=ways)
        flow.dead()

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
            flow.frame = Frame(flow.frame, _EVERY, PointKind.LEAVE, statement, position)
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

    def _try(self, statement: TryStmt) -> Steps:
        flow = self._flow
        around = flow.frame
        last: Frame | None = None
        if statement.finally_body is not None:
            last = flow.frame = Frame(around, _EVERY, PointKind.FINALLY, statement)
        before = flow.frame
        handlers: Frame | None = None
        if statement.handlers:
            handlers = flow.frame = Frame(before, RAISING, PointKind.DISPATCH, statement)
        yield self.block(statement.body)
        flow.frame = before
        yield self.block(statement.else_body)
        if handlers is not None and handlers.landings:
            ends = flow.loose
            yield self._handlers(statement, handlers.landings)
            flow.loose = ends + flow.loose
        if last is not None:
            flow.frame = around
            yield self._finally(statement, last.landings)

    def _handlers(self, statement: TryStmt, landings: dict[Way, int]) -> Steps:
        """The handlers of a ``try``, and on which ways exceptions come to each."""
        flow = self._flow
        current: dict[Way, Loose] = {
            way: [(point, KIND_OF[way])] for way, point in landings.items()
        }
        before, caught_before = flow.frame, self._caught
        ends: Loose = []
        for position, (caught, variable, body) in enumerate(
            zip(statement.types, statement.vars, statement.handlers, strict=True)
        ):
            entering: Loose = []
            ways: list[Way] = []
            for way in [way for way in current if may_catch(caught, way)]:
                flow.loose = current[way]
                if caught is not None and not isinstance(caught, (NameExpr, MemberExpr)):
                    yield self._expressions.value(caught)
                    flow.reads, flow.risky = [], False
                entering += flow.loose
                ways.append(way)
                if must_catch(caught, way) and not statement.is_star:
                    del current[way]
                else:
                    current[way] = flow.loose
            if not ways:
                continue
            flow.loose = entering
            # With ``except*`` the handlers after this one may run as well, whatever it raises.
            rest = Frame(before, RAISING, PointKind.DISPATCH, statement)
            if statement.is_star:
                flow.frame = rest
            flow.point(PointKind.HANDLER, body, item=position)
            if caught is not None:
                flow.graph.points[-1].reads = (caught,)
            self._caught = (tuple(ways), variable.name if variable is not None else None)
            yield self.block(body)
            flow.frame, self._caught = before, caught_before
            ends += flow.loose
            if statement.is_star:
                for way, landing in rest.landings.items():
                    current[way] = [*current.get(way, ()), (landing, KIND_OF[way])]
                current[Way.ERROR] = [*current.get(Way.ERROR, ()), *flow.loose]
        for way, loose in current.items():
            flow.loose = loose
            flow.jump(way)
        flow.loose = ends

    def _finally(self, statement: TryStmt, landings: dict[Way, int]) -> Steps:
        """A copy of the ``finally`` for each way that comes to it, so that none takes another's."""
        flow = self._flow
        around = flow.statement
        if self._finally_depth >= _COPIED:
            flow.loose = flow.loose + [(point, EdgeKind.NORMAL) for point in landings.values()]
            if not flow.loose:
                return
            flow.point(PointKind.FINALLY, statement)
            self._finally_depth += 1
            yield self.block(statement.finally_body)
            self._finally_depth -= 1
            if flow.loose:
                end = flow.point(PointKind.JOIN, statement)
                for way in landings:
                    flow.graph.connect(end, flow.target(way), KIND_OF[way])
            return
        self._finally_depth += 1
        if flow.loose:
            flow.point(PointKind.FINALLY, statement, way=Way.NORMAL)
            yield self.block(statement.finally_body)
        ends = flow.loose
        for way, landing in landings.items():
            flow.loose = [(landing, EdgeKind.NORMAL)]
            flow.statement = around
            yield self.block(statement.finally_body)
            flow.jump(way)
        self._finally_depth -= 1
        flow.loose = ends

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
