"""Relationships of mapped classes, as their declarations write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    CallExpr,
    DictExpr,
    LambdaExpr,
    MemberExpr,
    NameExpr,
    StrExpr,
)
from mypy.types import EllipsisType, UnboundType, UnionType

from mypy_asyncsession.models.mapping import (
    COLLECTIONS,
    DYNAMIC,
    LAZY_FLAGS,
    MAPPED,
    OPTIONAL,
)
from mypy_asyncsession.semantic.syntax import returned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import Expression
    from mypy.types import Type


#: What SQLAlchemy does with a relationship that says nothing.
DEFAULT_LAZY: Final = "select"


@dataclass(frozen=True, slots=True)
class Relationship:
    """A relationship of a mapped class.

    Attributes:
        name: The attribute.
        owner: The full name of the class whose body defines it.
        target: The full name of the class that it leads to, if it is known.
        target_name: The last part of that name, as written.
        lazy: How it is loaded: ``select`` where nothing is said, ``None`` where it is not known.
        many: Whether it is a collection; ``None`` where the source does not say.
        reverse: The attribute of the target that is kept in step with it.
        line: The line of its definition.
    """

    name: str
    owner: str
    target: str | None
    target_name: str | None
    lazy: str | None
    many: bool | None
    reverse: str | None
    line: int

    @property
    def is_lazy(self) -> bool:
        """Whether reading it loads it, which an async session cannot do."""
        return self.lazy == DEFAULT_LAZY


def annotated(annotation: Type | None) -> tuple[str, str | None, bool | None]:
    """The wrapper, the target, and whether it is a collection: ``Mapped[list["Post"]]``."""
    wrapper = ""
    many: bool | None = None
    names = _names_in(annotation)
    target = None
    for name in names:
        last = name.rpartition(".")[2]
        if last in MAPPED or last in DYNAMIC:
            wrapper = last
        elif last in COLLECTIONS:
            many = True
        elif last not in OPTIONAL:
            target = name  # the last of them: a dict has its keys before it
    if target is not None and many is None:
        many = wrapper in DYNAMIC or False
    return wrapper, target, many


def _names_in(annotation: Type | None) -> Iterator[str]:
    if isinstance(annotation, UnboundType):
        text = annotation.original_str_expr
        if text is not None and not annotation.args:
            yield from _written_names(text)
            return
        yield annotation.name
        for argument in annotation.args:
            yield from _names_in(argument)
    elif isinstance(annotation, UnionType):
        for item in annotation.items:
            yield from _names_in(item)
    elif annotation is not None and not isinstance(annotation, EllipsisType):
        literal = getattr(annotation, "literal_value", None)
        if isinstance(literal, str):
            yield from _written_names(literal)


def _written_names(text: str) -> Iterator[str]:
    """The names in an annotation that is a string, in order."""
    for mark in "[],|\"'":
        text = text.replace(mark, " ")
    yield from text.split()


def target_of(argument: Expression | None) -> str | None:
    """The class that the first argument of a relationship names, as written."""
    if isinstance(argument, StrExpr):
        # ``relationship("Post.author_id == User.id")`` is no name
        return argument.value if argument.value.replace(".", "").isidentifier() else None
    if isinstance(argument, LambdaExpr):
        results = returned(argument)
        return target_of(results[0]) if len(results) == 1 else None
    if isinstance(argument, NameExpr):
        return argument.name
    if isinstance(argument, MemberExpr):
        return argument.name
    return None


def loading_of(call: CallExpr, named: dict[str, Expression], more: Expression | None) -> str | None:
    """How a relationship is loaded, or ``None`` where that is not known."""
    if any(kind.is_star() for kind in call.arg_kinds):
        return None
    lazy = named.get("lazy")
    if lazy is None and more is not None:
        if not isinstance(more, DictExpr):
            return None
        for key, value in more.items:
            if not isinstance(key, StrExpr):
                return None
            if key.value == "lazy":
                lazy = value
    if lazy is None:
        return DEFAULT_LAZY
    if isinstance(lazy, StrExpr):
        return lazy.value
    return LAZY_FLAGS.get(lazy.name) if isinstance(lazy, NameExpr) else None


def reverse_of(named: dict[str, Expression]) -> str | None:
    """The relationship on the other side, as ``back_populates`` or ``backref`` names it."""
    for key in ("back_populates", "backref"):
        value = named.get(key)
        if isinstance(value, CallExpr) and value.args:
            value = value.args[0]
        if isinstance(value, StrExpr):
            return value.value
    return None
