"""The reads of mapped attributes in a function, by the name that the instance has there."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import MemberExpr, NameExpr

from mypy_asyncsession.semantic.cfg import Graph

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy.nodes import Expression

    from mypy_asyncsession.detectors.response_models import ModelReader
    from mypy_asyncsession.detectors.tracked_instances import Tracked
    from mypy_asyncsession.semantic.function_body import FunctionBody


class Read(NamedTuple):
    """A read of an attribute.

    Attributes:
        expression: The read, or the instance that a model is made of.
        name: The attribute.
        reader: That model, as written.
    """

    expression: Expression
    name: str
    reader: str | None = None


class InstanceReads:
    """Finds them, in one walk for all the instances of a function."""

    def __init__(self, body: FunctionBody, readers: Iterable[ModelReader]) -> None:
        """Find what is read of any name.

        Args:
            body: The function.
            readers: The models in it that are made of an instance.
        """
        self._body = body
        #: By the name, and whether it is a comprehension's own: the points, with what is read.
        self._members: dict[tuple[str, bool], dict[int, list[MemberExpr]]] = defaultdict(dict)
        self._readers: dict[tuple[str, bool], list[ModelReader]] = defaultdict(list)
        self._seeing: dict[str, dict[int, set[int]]] = {}
        for point in body.graph.points:
            for read in point.reads:
                if isinstance(read, MemberExpr) and isinstance(read.expr, NameExpr):
                    key = (read.expr.name, read.expr.name in point.inner)
                    self._members[key].setdefault(point.index, []).append(read)
        for reader in readers:
            name = reader.instance.name
            self._readers[name, name in body.graph.points[reader.point].inner].append(reader)

    def of(self, tracked: Tracked) -> dict[int, list[Read]]:
        """The points that read a mapped attribute of an instance, with what they read."""
        key = (tracked.name, tracked.inner)
        if key not in self._members and key not in self._readers:
            return {}
        names = tracked.mapped.columns | tracked.mapped.relationships.keys()
        members = self._members.get(key, {})
        visible = None if tracked.inner else self._visible(tracked)
        found: dict[int, list[Read]] = {}
        for index in members if visible is None else sorted(visible & members.keys()):
            reads = [Read(each, each.name) for each in members[index] if each.name in names]
            if reads:
                found[index] = reads
        for reader in self._readers.get(key, ()):
            fields = sorted(reader.fields & tracked.mapped.columns)
            if fields and (visible is None or reader.point in visible):
                read_by = Read(reader.instance, fields[0], reader.text)
                found.setdefault(reader.point, []).append(read_by)
        return found

    def _visible(self, tracked: Tracked) -> set[int]:
        """The points at which the name of an instance may still hold that instance."""
        bindings, name = self._body.bindings, tracked.name
        if name not in self._seeing:
            seeing = self._seeing[name] = defaultdict(set)
            points = {*self._members.get((name, False), ())}
            points.update(reader.point for reader in self._readers.get((name, False), ()))
            for index in points:
                for bound in bindings.reaching(index, name):
                    seeing[bound].add(index)
        bound_at = tracked.bound
        if bound_at == Graph.ENTRY or bound_at in bindings.of(name):
            return self._seeing[name].get(bound_at, set())
        held = (self._seeing[name].get(each, set()) for each in bindings.reaching(bound_at, name))
        return set().union(*held)
