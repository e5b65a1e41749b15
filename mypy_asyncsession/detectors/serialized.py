"""The attributes that a pydantic model reads of the object that it is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import AssignmentStmt, CallExpr, Decorator, MemberExpr, NameExpr

from mypy_asyncsession.models.pydantic import MODEL_CLASSES, READING_METHODS
from mypy_asyncsession.semantic.values import ClassValue, fullname

if TYPE_CHECKING:
    from mypy.nodes import Expression, TypeInfo

    from mypy_asyncsession.semantic.interpreter import Interpreter
    from mypy_asyncsession.semantic.program_point import ProgramPoint

#: What a field is told that makes it read something else than the attribute of its name.
_ELSEWHERE: Final = frozenset({"alias", "validation_alias"})
#: The decorators of what may look at the object first.
_BEFORE: Final = frozenset({"field_validator", "model_validator", "root_validator", "validator"})
#: What a model's configuration may have that reads in another way.
_OTHER_WAYS: Final = frozenset({"__get_validators__", "alias_generator", "getter_dict"})


class SerializedReads:
    """Finds what pydantic reads in the calls of one module."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self._fields: dict[str, frozenset[str]] = {}

    def of_call(self, call: CallExpr, point: ProgramPoint) -> frozenset[str]:
        """The attributes that ``UserOut.model_validate(user)`` reads of ``user``."""
        callee = call.callee
        if not isinstance(callee, MemberExpr) or callee.name not in READING_METHODS:
            return frozenset()
        if not call.args or call.arg_names[0] is not None:
            return frozenset()
        klass = self._interpreter.value(callee.expr, point.scope, point.where)
        if not isinstance(klass, ClassValue) or klass.info is None:
            return frozenset()
        return self.of_class(klass.info)

    def of_class(self, info: TypeInfo) -> frozenset[str]:
        """The attributes that a model reads of the object that it is made from."""
        if info.fullname not in self._fields:
            self._fields[info.fullname] = self._read(info)
        return self._fields[info.fullname]

    def _read(self, info: TypeInfo) -> frozenset[str]:
        is_model = any(base.fullname in MODEL_CLASSES for base in info.mro)
        found: set[str] = set()
        for base in info.mro:
            if base.fullname in MODEL_CLASSES or base.fullname == "builtins.object":
                break
            source = self._interpreter.program.source(base.module_name)
            located = (
                source.class_named(base.fullname[len(base.module_name) + 1 :]) if source else None
            )
            if located is None:
                return frozenset()
            for expression in located[0].base_type_exprs:
                # Where pydantic itself is not read, its name is all that is known of it.
                value = self._interpreter.value(expression, located[1], None)
                is_model = is_model or fullname(value) in MODEL_CLASSES
                if not isinstance(value, ClassValue) and fullname(value) not in MODEL_CLASSES:
                    return frozenset()
            for statement in located[0].defs.body:
                if isinstance(statement, Decorator) and any(
                    isinstance(each, CallExpr)
                    and isinstance(each.callee, (MemberExpr, NameExpr))
                    and each.callee.name in _BEFORE
                    for each in statement.original_decorators
                ):
                    return frozenset()
                if isinstance(statement, AssignmentStmt):
                    target = statement.lvalues[0]
                    rvalue = statement.rvalue
                    if isinstance(rvalue, CallExpr) and not _ELSEWHERE.isdisjoint(
                        name for name in rvalue.arg_names if name is not None
                    ):
                        return frozenset()
                    if isinstance(rvalue, CallExpr) and not _OTHER_WAYS.isdisjoint(
                        name for name in rvalue.arg_names if name is not None
                    ):
                        return frozenset()
                    if _is_relationship(rvalue):
                        continue  # of a table of SQLModel's: what is made of it is without
                    if isinstance(target, NameExpr) and statement.unanalyzed_type is not None:
                        found.add(target.name)
            if not _OTHER_WAYS.isdisjoint(base.names) or "Config" in base.names:
                config = base.names.get("Config")
                inner = getattr(config.node, "names", {}) if config is not None else {}
                if not _OTHER_WAYS.isdisjoint(base.names) or not _OTHER_WAYS.isdisjoint(inner):
                    return frozenset()
        return frozenset(found) if is_model else frozenset()


def _is_relationship(rvalue: Expression) -> bool:
    return (
        isinstance(rvalue, CallExpr)
        and isinstance(rvalue.callee, (MemberExpr, NameExpr))
        and rvalue.callee.name == "Relationship"
    )
