"""Which objects an annotation lets through, where it names a session."""

from __future__ import annotations

import ast
import functools
import inspect
import types
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from mypy_asyncsession.runtime.resources import Resources, is_mock, is_scoped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


#: A member of a union that is no class, or none that can be asked: it may take anything.
ANYTHING = object()


@dataclass(frozen=True)
class _Generic:
    """A class with arguments, such as ``Iterator[int]``."""

    alias: Any


@dataclass(frozen=True)
class Expected:
    """What a parameter takes.

    Attributes:
        text: The annotation, for messages.
        classes: The classes whose instances are right.
        names: Names of classes that could not be looked up: the import is for type checkers only.
        optional: Whether ``None`` is right.
    """

    text: str
    classes: tuple[type, ...]
    names: tuple[str, ...] = ()
    optional: bool = False

    def fits(self, value: object) -> bool:
        """Whether a value is right: an instance, a proxy of one, or a mock."""
        if value is None:
            return self.optional
        if isinstance(value, self.classes):
            return True
        class_ = type(value)
        if any(base.__name__ in self.names for base in class_.__mro__):
            return True
        names = (*self.names, *(each.__name__ for each in self.classes))
        return is_mock(class_) or any(is_scoped(class_, name) for name in names)


def expected(function: Callable[..., Any], resources: Resources) -> dict[str, Expected]:
    """What each parameter takes that is annotated with a session.

    Names are looked up where the function was defined. One that is imported for type checkers only
    counts by its name. A parameter that takes what cannot be checked, too, is left out.
    """
    found = {}
    namespace = _namespace(function)
    for parameter in inspect.signature(function).parameters.values():
        annotation = parameter.annotation
        if annotation is parameter.empty:
            continue
        takes = _read(annotation, namespace, resources)
        if takes is not None:
            if parameter.default is None and not takes.optional:
                takes = Expected(takes.text, takes.classes, takes.names, optional=True)
            found[parameter.name] = takes
    return found


def evaluated(function: Any, name: str) -> Any:
    """An annotation of a function, or ``None`` if it has none that can be looked up.

    Args:
        function: What has it.
        name: A parameter, or ``return``.
    """
    annotation = _annotation(function, name)
    if isinstance(annotation, str):
        try:
            annotation = eval(annotation, _namespace(function))
        except Exception:  # noqa: BLE001 - any expression can stand there
            return None
    return None if annotation is inspect.Signature.empty else annotation


def members(function: Any, name: str) -> Iterator[Any]:
    """The members of the union that a parameter is annotated with.

    Each is a class, that of ``Iterator[int]`` being ``Iterator``, or something that is no class
    where nobody can say what it takes.
    """
    annotation = _annotation(function, name)
    if annotation is inspect.Signature.empty:
        yield ANYTHING
        return
    for each in _members(annotation, _namespace(function)):
        yield get_origin(each.alias) if isinstance(each, _Generic) else each


def _annotation(function: Any, name: str) -> Any:
    """An annotation as it is written, or ``Signature.empty``."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return inspect.Signature.empty
    if name == "return":
        return signature.return_annotation
    if name in signature.parameters:
        return signature.parameters[name].annotation
    return inspect.Signature.empty


def _namespace(function: Callable[..., Any]) -> dict[str, Any]:
    inner: Any = inspect.unwrap(function)
    while isinstance(inner, functools.partial):
        inner = inspect.unwrap(inner.func)
    inner = getattr(inner, "__func__", inner)
    if not inspect.isfunction(inner):
        inner = inspect.getattr_static(type(inner), "__call__", inner)
    try:
        enclosed = inspect.getclosurevars(inner).nonlocals
    except (TypeError, ValueError):
        enclosed = {}
    return {**getattr(inner, "__globals__", {}), **enclosed}


def _read(annotation: Any, namespace: dict[str, Any], resources: Resources) -> Expected | None:
    text = annotation if isinstance(annotation, str) else _text(annotation)
    members = list(_members(annotation, namespace))
    classes = tuple(each for each in members if isinstance(each, type) and each is not type(None))
    names = tuple(each for each in members if isinstance(each, str))
    if any(not isinstance(each, (type, str)) for each in members):
        return None  # it takes something else, too, that nobody can check
    if not any(map(resources.include, classes)) and not any(map(resources.named, names)):
        return None
    return Expected(text, classes, names, optional=type(None) in members)


def _text(annotation: Any) -> str:
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    if get_origin(annotation) is Annotated:
        return _text(get_args(annotation)[0])
    if _is_union(annotation):
        return " | ".join(map(_text, get_args(annotation))).replace("NoneType", "None")
    return str(annotation)


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _members(annotation: Any, namespace: dict[str, Any]) -> Iterator[Any]:
    """The members of the union that an annotation is: classes, names, and what is neither."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        try:
            evaluated = eval(annotation, namespace)
        except Exception:  # noqa: BLE001 - any expression can stand there
            yield from _members_by_name(annotation, namespace)
            return
        annotation = evaluated
        if isinstance(annotation, str):
            yield from _members_by_name(annotation, namespace)
            return
    if annotation is None:
        yield type(None)
    elif get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0], namespace)
    elif _is_union(annotation):
        for each in get_args(annotation):
            yield from _members(each, namespace)
    elif hasattr(annotation, "__value__"):  # type X = ...
        yield from _members(annotation.__value__, namespace)
    elif isinstance(annotation, typing.TypeVar):
        members = annotation.__constraints__ or (annotation.__bound__,)
        for each in members:
            if each is None:
                yield ANYTHING
            else:
                yield from _members(each, namespace)
    elif hasattr(annotation, "__supertype__"):  # NewType
        yield from _members(annotation.__supertype__, namespace)
    elif isinstance(annotation, type) and get_origin(annotation) is None:
        yield annotation if _can_be_asked(annotation) else ANYTHING
    else:
        yield ANYTHING if get_origin(annotation) is None else _Generic(annotation)


def _can_be_asked(class_: type) -> bool:
    """Whether ``isinstance`` answers for a class: not for ``Any``, for a ``TypedDict``, and so on.

    A Protocol can be asked only if it says so.
    """
    if getattr(class_, "_is_protocol", False):
        return bool(getattr(class_, "_is_runtime_protocol", False))
    try:
        isinstance(None, class_)
    except TypeError:
        return False
    return True


def _members_by_name(text: str, namespace: dict[str, Any]) -> Iterator[Any]:
    """The members of a union that cannot be evaluated as a whole."""
    try:
        nodes = [ast.parse(text.strip(), mode="eval").body]
    except SyntaxError:
        yield ANYTHING
        return
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            nodes += [node.right, node.left]
        elif isinstance(node, ast.Subscript) and _last(node.value) in ("Optional", "Union"):
            if _last(node.value) == "Optional":
                yield type(None)
            inner = node.slice
            nodes += reversed(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
        elif isinstance(node, ast.Subscript) and _last(node.value) == "Annotated":
            inner = node.slice
            nodes.append(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
        elif isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, str)):
            if node.value is None:
                yield type(None)
            else:
                yield from _members_by_name(node.value, namespace)
        elif (name := _last(node)) is not None:
            try:
                yield from _members(eval(ast.unparse(node), namespace), namespace)
            except Exception:  # noqa: BLE001 - it is imported for type checkers only
                yield name
        else:
            yield ANYTHING


def _last(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None
