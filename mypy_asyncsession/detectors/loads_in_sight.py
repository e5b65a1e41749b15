"""What in a function may load or set a relationship, and what of it is out of sight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    CallExpr,
    ListExpr,
    MemberExpr,
    NameExpr,
    OperatorAssignmentStmt,
    StrExpr,
    TupleExpr,
)
from mypy.types import Instance, NoneType

from mypy_asyncsession.detectors.loaded_instances import ENDED
from mypy_asyncsession.detectors.new_instances import is_written_before, refreshed
from mypy_asyncsession.models.frameworks import REGISTERING, ROUTE_METHODS
from mypy_asyncsession.models.mapping import JOINING, LOADERS
from mypy_asyncsession.models.sqlalchemy import AWAITABLE
from mypy_asyncsession.semantic.dataflow import may_reach
from mypy_asyncsession.semantic.queries import options
from mypy_asyncsession.semantic.relationships import DEFAULT_LAZY
from mypy_asyncsession.semantic.syntax import dotted, walk
from mypy_asyncsession.semantic.values import (
    ClassValue,
    FunctionValue,
    ObjectValue,
    fullname,
    members,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy.nodes import Expression, FuncDef, Node

    from mypy_asyncsession.detectors.loaded_instances import Loaded
    from mypy_asyncsession.detectors.new_instances import NewInstance
    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import Body
    from mypy_asyncsession.semantic.relationships import Relationship

#: What is given an instance, or a session, and loads nothing.
_HARMLESS: Final = frozenset(
    {
        "add",
        "add_all",
        "all",
        "any",
        "bool",
        "critical",
        "debug",
        "delete",
        "enumerate",
        "error",
        "exception",
        "get",
        "id",
        "info",
        "isinstance",
        "from_orm",
        "len",
        "list",
        "max",
        "min",
        "model_validate",
        "print",
        "refresh",
        "repr",
        "reversed",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "type",
        "warning",
        "zip",
    }
)


class LoadsInSight:
    """What a function does that may load a relationship, or that cannot be seen."""

    def __init__(self, function: FuncDef, body: Body, interpreter: Interpreter) -> None:
        self._function = function
        self._body = body
        self._flow = body.flow()
        self._interpreter = interpreter
        #: The relationships that something loads, whichever instance's.
        self._filled: set[str] = set()
        #: Those that something is assigned to.
        self._assigned: set[str] = set()
        #: Whether something is done that may load whatever there is.
        self._blind = False
        #: The calls, in source order.
        self.calls: list[CallExpr] = []
        self._constructed: set[str] = set()
        for node in walk(function.body):
            self._note(node)

    def _note(self, node: Node) -> None:
        if isinstance(node, (AssignmentStmt, OperatorAssignmentStmt)):
            targets = node.lvalues if isinstance(node, AssignmentStmt) else [node.lvalue]
            for target in targets:
                items = target.items if isinstance(target, (ListExpr, TupleExpr)) else [target]
                self._assigned.update(each.name for each in items if isinstance(each, MemberExpr))
        elif isinstance(node, MemberExpr):
            if isinstance(node.expr, MemberExpr) and node.expr.name == AWAITABLE:
                self._filled.add(node.name)
        elif isinstance(node, CallExpr):
            self.calls.append(node)
            callee = node.callee
            name = callee.name if isinstance(callee, (MemberExpr, NameExpr)) else ""
            if name in LOADERS:
                names, is_open = options([node])
                self._filled |= names
                self._blind = self._blind or is_open
            elif name == "run_sync":
                self._blind = True
            elif name == "refresh":
                self._refreshes(node)
            elif name in ("set_attribute", "set_committed_value", "setattr"):
                attribute = node.args[1] if len(node.args) > 1 else None
                if isinstance(attribute, StrExpr):
                    self._filled.add(attribute.value)
                else:
                    self._blind = True
            elif name == "merge":
                self._blind = True

    def _refreshes(self, call: CallExpr) -> None:
        """``await session.refresh(user, ["posts"])``."""
        for argument, name in zip(call.args[1:], call.arg_names[1:], strict=True):
            if name not in (None, "attribute_names"):
                continue
            if isinstance(argument, (ListExpr, TupleExpr)):
                for item in argument.items:
                    if isinstance(item, StrExpr):
                        self._filled.add(item.value)
                    elif isinstance(item, MemberExpr) and isinstance(item.expr, MemberExpr):
                        self._filled.add(item.expr.name)  # ``User.posts.key``
                    else:
                        self._blind = True
            else:
                self._blind = True

    def may_be_loaded(
        self,
        relationship: Relationship,
        found: Sequence[Loaded],
        read: Node,
        *,
        inside: bool = False,
        reader: CallExpr | None = None,
    ) -> bool:
        """Whether a relationship may be loaded where it is read.

        Args:
            relationship: The relationship.
            found: What has loaded the instance.
            read: Where it is read, or returned.
            inside: Whether the function was given the session by the one that is looked at.
            reader: What reads it, and does no more.
        """
        if self._blind or relationship.name in self._filled:
            return True
        ends = {relationship.name, relationship.reverse}
        # A collection that is not loaded is not filled from its other end, and to assign to it
        # loads what it had.
        if relationship.many is not True and not ends.isdisjoint(self._assigned | self._filled):
            return True
        mapped = found[0].query.mapped
        names = frozenset().union(*(each.names for each in found))
        sessions = {each.session for each in found}
        if self._is_built(relationship, mapped.name) or self._is_given(mapped.name, names):
            return True
        if relationship.many is not True and (mapped.has_foreign_keys or not mapped.complete):
            # The other end of a many-to-one may be there already.
            if not inside and not all(
                self._is_fresh(session) or self._is_of_request(session, relationship)
                for session in sessions
            ):
                return True
            if self._is_asked_for(relationship.target_name, found):
                return True
        loading = frozenset(id(each.asked) for each in found) | {id(reader)}
        if self._something_unseen_before(read, names, sessions, relationship, loading):
            return True
        return any(
            LoadsInSight(helper.function, helper.body, self._interpreter).may_be_loaded(
                relationship, helper.found, helper.returned, inside=True
            )
            for each in found
            for helper in each.helpers[-1:]
        )

    def may_be_set(self, new: NewInstance, read: Node, same: Sequence[Node]) -> bool:
        """Whether a relationship of a new instance may be there where it is read.

        Args:
            new: The instance.
            read: Where it is read.
            same: All the reads of it.
        """
        relationship = new.relationship
        ends = {relationship.name, relationship.reverse}
        if self._blind or not ends.isdisjoint(self._filled | self._assigned):
            return True
        if relationship.lazy != DEFAULT_LAZY and refreshed(self.calls, new.name):
            return True  # what loads with an instance is loaded again with it
        if not is_written_before(new, self._flow.unexpecting, self.calls, same):
            return True
        return self._something_unseen_before(
            read, frozenset({new.name}), {new.session}, relationship
        )

    def _is_built(self, relationship: Relationship, name: str) -> bool:
        """Whether an instance is made here that may be the one that is read, or fill it."""
        made = {name} if relationship.many is True else {name, relationship.target_name}
        return any(
            isinstance(call.callee, (MemberExpr, NameExpr)) and call.callee.name in made
            for call in self.calls
        )

    def _is_given(self, name: str, names: frozenset[str]) -> bool:
        """Whether an instance of the class comes in from outside, with whatever it has loaded."""
        return any(
            argument.variable.name not in names
            and argument.type_annotation is not None
            and re.search(rf"\b{name}\b", str(argument.type_annotation))
            for argument in self._function.arguments
        )

    def _is_fresh(self, session: str) -> bool:
        """Whether a session is opened in the function itself, or was in the one that is called."""
        if session == ENDED:
            return True
        bindings = self._body.scope.names.bindings.get(session, [])
        return len(bindings) == 1 and bindings[0].kind == "async with"

    def _is_of_request(self, session: str, relationship: Relationship) -> bool:
        """Whether FastAPI opens a session for a handler, and gives it nothing else of use.

        Whoever was asked before may have loaded one other end, and gives it to the handler then.
        """
        names = [argument.variable.name for argument in self._function.arguments]
        if session not in names or relationship.target is None or self._body.parent is None:
            return False
        if self._body.scope.names.bindings.get(session) or not any(
            isinstance(each, CallExpr)
            and isinstance(each.callee, MemberExpr)
            and each.callee.name in ROUTE_METHODS
            and fullname(self._interpreter.value(each.callee, self._body.parent.scope, None))
            in REGISTERING
            for each in self._body.decorators
        ):
            return False
        for name in names:
            value = self._interpreter.parameter(name, self._body.scope)
            for each in members(value):
                type_ = each.type if isinstance(each, ObjectValue) else None
                is_other = isinstance(type_, NoneType) or (
                    isinstance(type_, Instance) and type_.type.fullname != relationship.target
                )
                if not is_other:
                    return False
        return True

    def _is_asked_for(self, target: str | None, found: Sequence[Loaded]) -> bool:
        """Whether the function gets instances of the other end as well."""
        made = {id(each.query.made) for each in found}
        return target is None or any(
            isinstance(each, NameExpr) and each.name == target
            for call in self.calls
            if not (isinstance(call.callee, MemberExpr) and call.callee.name in JOINING)
            for each in call.args[id(call) in made :]
        )

    def _something_unseen_before(
        self,
        read: Node,
        names: frozenset[str],
        sessions: set[str],
        relationship: Relationship,
        loading: frozenset[int] = frozenset(),
    ) -> bool:
        """Whether a call that may load anything may run before the read."""
        suspects = [
            call
            for call in self.calls
            if id(call) not in loading
            and self._may_load(call, names, sessions, relationship)
            and not (loading and self._only_adds(call, relationship))
        ]
        if not suspects:
            return False
        graph = self._flow.unexpecting
        reads = graph.points_of(read)
        if not reads:
            return True
        for call in suspects:
            for index in graph.points_of(call):
                if may_reach(graph, index, set(reads)):
                    return True
        return False

    def _may_load(
        self,
        call: CallExpr,
        names: frozenset[str],
        sessions: set[str],
        relationship: Relationship,
    ) -> bool:
        """Whether a call is given the instance, or the session, and may do anything with it."""
        callee = call.callee
        if not isinstance(callee, (MemberExpr, NameExpr)):
            return True
        if callee.name in _HARMLESS:
            return False
        given = {
            node.name
            for argument in call.args
            for node in walk(argument)
            if isinstance(node, NameExpr) and not _is_of_attribute(node, argument)
        }
        roots = {session.partition(".")[0] for session in sessions}
        on_session = isinstance(callee, MemberExpr) and dotted(callee.expr) in sessions
        if on_session:
            return False
        if given & names:
            return True
        if given & sessions:
            return not self._is_seen(call, relationship)
        if isinstance(callee, MemberExpr) and any("." in session for session in sessions):
            # ``await self.load(...)``, which has the session of the object as well.
            receiver = dotted(callee.expr)
            return receiver in roots and not self._is_seen(call, relationship)
        return False

    def _only_adds(self, call: CallExpr, relationship: Relationship) -> bool:
        """Whether a call makes the other end: a collection that is not loaded is not filled."""
        value = self._interpreter.value(call.callee, self._body.scope, None)
        is_target = isinstance(value, ClassValue) and value.fullname == relationship.target
        return relationship.many is True and is_target

    def _is_seen(self, call: CallExpr, relationship: Relationship) -> bool:
        """Whether a callee in the same module says nothing of the relationship."""
        value = self._interpreter.value(call.callee, self._body.scope, None)
        if isinstance(value, ClassValue):
            return False
        if not isinstance(value, FunctionValue) or value.scope.module != self._body.scope.module:
            return False
        return not any(
            (isinstance(node, MemberExpr) and node.name == relationship.name)
            or (isinstance(node, StrExpr) and node.value in (relationship.name, "*"))
            or (isinstance(node, AwaitExpr) and _is_of_project(node))
            for node in walk(value.node.body)
        )


def _is_of_project(node: AwaitExpr) -> bool:
    """Whether an ``await`` is of something else than a session's method."""
    call = node.expr
    return not (
        isinstance(call, CallExpr)
        and isinstance(call.callee, MemberExpr)
        and call.callee.name
        in (
            "commit",
            "delete",
            "execute",
            "flush",
            "get",
            "refresh",
            "rollback",
            "scalar",
            "scalars",
        )
    )


def _is_of_attribute(name: NameExpr, argument: Expression) -> bool:
    """Whether an argument has a name only to ask it for an attribute: ``f(user.name)``."""
    return any(
        isinstance(node, MemberExpr) and node.expr is name and not isinstance(node.expr, CallExpr)
        for node in walk(argument)
    )
