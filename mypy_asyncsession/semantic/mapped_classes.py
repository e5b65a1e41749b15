"""Mapped classes as their source has them: relationships with how they are loaded, and columns.

What is found here of one module, others rely on: it is part of the facts of that module.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    CallExpr,
    ClassDef,
    Decorator,
    FuncDef,
    MemberExpr,
    NameExpr,
    TypeInfo,
)
from mypy.types import UnboundType

from mypy_asyncsession.models.mapping import (
    ASYNC_ATTRS,
    COLUMNS,
    DECLARED_ATTR,
    DYNAMIC,
    MAPPED,
    NOT_FIELDS,
    RELATIONSHIPS,
)
from mypy_asyncsession.semantic.relationships import (
    Relationship,
    annotated,
    loading_of,
    reverse_of,
    target_of,
)
from mypy_asyncsession.semantic.sure_reads import read_by_member
from mypy_asyncsession.semantic.syntax import definition_of, returned, walk
from mypy_asyncsession.semantic.values import ClassValue, fullname

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression, Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.scopes import Scope

#: The ways to load that need no option: with the instance, or not at all on their own.
LOADED_WITH_INSTANCE: Final = frozenset({"immediate", "joined", "selectin", "subquery"})

#: How many imports a base is followed through.
_DEPTH: Final = 4


@dataclass(frozen=True, slots=True)
class MappedClass:
    """A mapped class, its bases and mixins included.

    Attributes:
        name: Its name.
        fullname: Its full name.
        relationships: By name.
        columns: The attributes that are columns.
        async_attrs: Whether its instances have ``awaitable_attrs``.
        complete: Whether the source of all its bases was read.
        has_foreign_keys: Whether it has a foreign key, so that a relationship may be many-to-one.
        constructed: Whether its ``__init__`` is SQLAlchemy's own, which sets what it is given.
        bases: The full names of it and its bases.
        reads: The relationships that its methods and properties read, by ``name()`` and ``name``.
    """

    name: str
    fullname: str
    relationships: dict[str, Relationship] = field(default_factory=dict)
    columns: frozenset[str] = frozenset()
    async_attrs: bool = False
    complete: bool = True
    has_foreign_keys: bool = False
    constructed: bool = True
    bases: tuple[str, ...] = ()
    reads: dict[str, frozenset[str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Body:
    """What the body of one class defines."""

    relationships: dict[str, Relationship] = field(default_factory=dict)
    columns: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    #: The relationships that methods and properties read, of those that are defined here.
    reads: dict[str, frozenset[str]] = field(default_factory=dict)
    #: The attributes with an annotation alone, which are columns of a table of SQLModel's.
    annotated: set[str] = field(default_factory=set)
    is_table: bool = False
    has_foreign_keys: bool = False


class MappedClasses:
    """Reads mapped classes, each once."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._known: dict[str, MappedClass | None] = {}

    def named(self, name: str) -> MappedClass | None:
        """The mapped class of that full name, or ``None``."""
        symbol = self._interpreter.program.symbol(name)
        return self.of_class(ClassValue(name, symbol)) if isinstance(symbol, TypeInfo) else None

    def of_class(self, klass: ClassValue) -> MappedClass | None:
        """The mapped class that a class is; ``None`` for one that maps nothing."""
        if klass.fullname not in self._known:
            self._known[klass.fullname] = None  # what refers to itself
            self._known[klass.fullname] = self._read(klass)
        return self._known[klass.fullname]

    def _read(self, klass: ClassValue) -> MappedClass | None:
        info = klass.info
        if info is None:
            return None
        relationships: dict[str, Relationship] = {}
        columns: set[str] = set()
        taken: set[str] = set()
        reads: dict[str, frozenset[str]] = {}
        has_foreign_keys = is_table = False
        complete = not info.fallback_to_any or self._bases_are_made(klass)
        for base in [*info.mro, *self._made_of(info)]:
            located = self._located(base)
            if located is None:
                complete = complete and _is_of_library(base.fullname)
                continue
            source, node, scope = located
            body = self.own(source, node, scope)
            relationships |= {
                name: each for name, each in body.relationships.items() if name not in taken
            }
            is_table = is_table or (base is info and body.is_table)
            columns |= (body.columns | body.annotated if is_table else body.columns) - taken
            has_foreign_keys = has_foreign_keys or body.has_foreign_keys
            reads |= {
                name: each
                for name, each in body.reads.items()
                if name.removesuffix("()") not in taken and each <= relationships.keys()
            }
            taken |= body.relationships.keys() | body.columns | body.others
        if not relationships and not columns:
            return None
        return MappedClass(
            name=info.name,
            fullname=info.fullname,
            relationships=relationships,
            columns=frozenset(columns),
            async_attrs=any(base.fullname in ASYNC_ATTRS for base in info.mro),
            complete=complete,
            has_foreign_keys=has_foreign_keys,
            constructed="__init__" not in taken
            and not any(base.name == "MappedAsDataclass" for base in info.mro),
            bases=tuple(base.fullname for base in info.mro),
            reads=reads,
        )

    def _located(self, info: TypeInfo) -> tuple[ModuleSource, ClassDef, Scope] | None:
        source = self._interpreter.program.source(info.module_name)
        if source is None:
            return None
        found = source.class_named(info.fullname[len(info.module_name) + 1 :])
        return (source, *found) if found is not None else None

    def _made_of(self, info: TypeInfo) -> Iterator[TypeInfo]:
        """The classes that ``declarative_base(cls=...)`` makes bases of."""
        for each in info.mro:
            located = self._located(each)
            for base in located[1].base_type_exprs if located is not None else ():
                if located is None or not isinstance(base, NameExpr):
                    continue
                for argument, scope in self._given_to_base(base.name, located[2]):
                    value = self._interpreter.value(argument, scope, None)
                    if isinstance(value, ClassValue) and value.info is not None:
                        yield from value.info.mro[:-1]

    def _given_to_base(
        self, name: str, scope: Scope, depth: int = 0
    ) -> Iterator[tuple[Expression, Scope]]:
        """The ``cls`` of the call that has made a base, and the scope that it stands in."""
        bindings = scope.names.bindings.get(name, [])
        if len(bindings) != 1 or depth > _DEPTH:
            return
        node = bindings[0].node
        if bindings[0].kind == "from":
            module, imported = bindings[0].target
            source = self._interpreter.program.source(module)
            if source is not None and imported is not None:
                yield from self._given_to_base(imported, source.scope, depth + 1)
        elif isinstance(node, CallExpr) and _called(node) == "declarative_base":
            for keyword, argument in zip(node.arg_names, node.args, strict=True):
                if keyword == "cls":
                    yield argument, scope

    def _bases_are_made(self, klass: ClassValue) -> bool:
        """Whether the bases that mypy does not know are what ``declarative_base()`` makes."""
        located = self._located(klass.info) if klass.info is not None else None
        if located is None:
            return False
        _, node, scope = located
        for base in node.base_type_exprs:
            value = self._interpreter.value(base, scope, None)
            if isinstance(value, ClassValue):
                continue
            made = base.name if isinstance(base, (MemberExpr, NameExpr)) else ""
            bindings = scope.names.bindings.get(made, [])
            if not any(
                isinstance(binding.node, CallExpr)
                and _called(binding.node) in ("automap_base", "declarative_base")
                for binding in bindings
            ) and not made.endswith("Base"):
                return False
        return True

    def own(self, source: ModuleSource, node: ClassDef, scope: Scope) -> _Body:
        """What the body of one class defines, its bases left out."""
        body = _Body()
        inner = source.scope_in(node, scope)
        owner = f"{source.module}.{node.name}"
        patched = source.patched(node.name)
        table = node.keywords.get("table")
        body.is_table = isinstance(table, NameExpr) and table.name == "True"
        body.has_foreign_keys = any(map(_is_foreign_key, walk(node.defs)))
        for statement in node.defs.body:
            if isinstance(statement, AssignmentStmt):
                target = statement.lvalues[0]
                if isinstance(target, NameExpr):
                    self._assigned(target.name, statement, inner, owner, body)
            elif (function := definition_of(statement)) is not None:
                found = self._declared(statement, function, source, inner, owner)
                if found is not None:
                    body.relationships[function.name] = found
                else:
                    body.others.add(function.name)
        for name in patched & body.relationships.keys():
            # ``User.posts = relationship(...)`` below the class
            del body.relationships[name]
            body.others.add(name)
        for statement in node.defs.body if body.relationships else ():
            if (read := read_by_member(statement, body.relationships)) is not None:
                body.reads[read[0]] = read[1]
        return body

    def _assigned(
        self, name: str, statement: AssignmentStmt, scope: Scope, owner: str, body: _Body
    ) -> None:
        call = statement.rvalue
        annotation = statement.unanalyzed_type
        if isinstance(call, CallExpr):
            made = self._library_name(call, scope)
            if made in RELATIONSHIPS:
                body.relationships[name] = self._relationship(name, call, annotation, scope, owner)
                return
            if made in COLUMNS:
                body.columns.add(name)
                return
        wrapper = annotation.name.rpartition(".")[2] if isinstance(annotation, UnboundType) else ""
        (body.columns if wrapper in MAPPED else body.others).add(name)
        if isinstance(annotation, UnboundType) and wrapper not in NOT_FIELDS:
            body.annotated.add(name)

    def _declared(
        self,
        statement: object,
        function: FuncDef,
        source: ModuleSource,
        scope: Scope,
        owner: str,
    ) -> Relationship | None:
        """``@declared_attr def owner(cls): return relationship("User")``."""
        if not isinstance(statement, Decorator) or not any(
            isinstance(each, (MemberExpr, NameExpr)) and each.name in DECLARED_ATTR
            for each in statement.original_decorators
        ):
            return None
        results = returned(function)
        if len(results) != 1 or not isinstance(results[0], CallExpr):
            return None
        inner = source.scope_in(function, scope)
        if self._library_name(results[0], inner) not in RELATIONSHIPS:
            return None
        unanalysed = function.unanalyzed_type
        annotation = getattr(unanalysed, "ret_type", None)
        return self._relationship(function.name, results[0], annotation, inner, owner)

    def _library_name(self, call: CallExpr, scope: Scope) -> str | None:
        """The full name of what is called, where an import says what that is."""
        callee = call.callee
        if isinstance(callee, NameExpr):
            for inner in scope.chain():
                bindings = inner.names.bindings.get(callee.name)
                if bindings:
                    if not all(each.kind == "from" for each in bindings):
                        return None  # ``partial(relationship, lazy="selectin")``
                    break
        elif not isinstance(callee, MemberExpr):
            return None
        return fullname(self._interpreter.value(callee, scope, None))

    def _relationship(
        self, name: str, call: CallExpr, annotation: Type | None, scope: Scope, owner: str
    ) -> Relationship:
        named = {
            key: argument
            for key, argument in zip(call.arg_names, call.args, strict=True)
            if key is not None
        }
        inner = named.get("sa_relationship")
        if isinstance(inner, CallExpr):
            return self._relationship(name, inner, annotation, scope, owner)
        wrapper, target, many = annotated(annotation)
        first = call.args[0] if call.args and call.arg_names[0] is None else named.get("argument")
        if target is None:
            target = target_of(first)
        if many is None and isinstance(uselist := named.get("uselist"), NameExpr):
            many = {"True": True, "False": False}.get(uselist.name)
        # SQLModel hands these on.
        more = named.get("sa_relationship_kwargs")
        lazy = loading_of(call, named, more)
        if wrapper in DYNAMIC:
            lazy = DYNAMIC[wrapper]
        return Relationship(
            name=name,
            owner=owner,
            target=self._resolved(target, scope),
            target_name=target.rpartition(".")[2] if target is not None else None,
            lazy=lazy,
            many=many,
            reverse=reverse_of(named),
            line=call.line,
        )

    def _resolved(self, target: str | None, scope: Scope) -> str | None:
        if target is None:
            return None
        found = self._interpreter.resolve(target, scope)
        if found is None:
            return None
        # A name that is imported from a package may be defined below it.
        symbol = self._interpreter.program.symbol(found)
        return symbol.fullname if isinstance(symbol, TypeInfo) else found


def may_map(node: ClassDef) -> bool:
    """Whether a class may define a relationship or a table: a quick look."""
    if "table" in node.keywords:
        return True
    for statement in node.defs.body:
        if isinstance(statement, AssignmentStmt):
            call = statement.rvalue
            if isinstance(call, CallExpr) and _called(call) in ("Relationship", "relationship"):
                return True
        elif isinstance(statement, Decorator) and any(
            isinstance(each, (MemberExpr, NameExpr)) and each.name in DECLARED_ATTR
            for each in statement.original_decorators
        ):
            return True
    return False


def _is_foreign_key(node: Node) -> bool:
    return isinstance(node, CallExpr) and (
        _called(node) in ("ForeignKey", "ForeignKeyConstraint") or "foreign_key" in node.arg_names
    )


def described(body: _Body) -> str:
    """What the body of a class says to other modules, in words; empty where it says nothing."""
    parts = [
        f"{each.name}:{each.target}:{each.lazy}:{each.many}:{each.reverse}"
        for each in body.relationships.values()
    ]
    parts += [f"{name} reads {sorted(read)}" for name, read in body.reads.items()]
    return ", ".join([*sorted(parts), str(body.has_foreign_keys), str(body.is_table)])


def _called(call: CallExpr) -> str:
    return call.callee.name if isinstance(call.callee, (MemberExpr, NameExpr)) else ""


def _is_of_library(name: str) -> bool:
    return name.partition(".")[0] in (
        "abc",
        "builtins",
        "collections",
        "pydantic",
        "sqlalchemy",
        "sqlmodel",
        "typing",
    )
