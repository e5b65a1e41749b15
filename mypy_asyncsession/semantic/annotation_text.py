"""Writing annotations: what stands for a value in source, and what has to be imported for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.types import AnyType, Instance, NoneType, UnboundType, UnionType, get_proper_type

from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.semantic.values import ObjectValue, Value

if TYPE_CHECKING:
    from mypy.nodes import TypeInfo
    from mypy.types import Type

    from mypy_asyncsession.semantic.program import Program

#: For each shape that holds something: the generic class, and how its arguments are written.
_FORMS = {
    Shape.ASYNC_GENERATOR: ("collections.abc", "AsyncGenerator", "{}, None"),
    Shape.ASYNC_ITERATOR: ("collections.abc", "AsyncIterator", "{}"),
    Shape.ASYNC_CONTEXT_MANAGER: ("contextlib", "AbstractAsyncContextManager", "{}"),
    Shape.COROUTINE: ("collections.abc", "Coroutine", "Any, Any, {}"),
    Shape.GENERATOR: ("collections.abc", "Generator", "{}, None, None"),
    Shape.ITERATOR: ("collections.abc", "Iterator", "{}"),
    Shape.CONTEXT_MANAGER: ("contextlib", "AbstractContextManager", "{}"),
}


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation as it is written.

    Attributes:
        text: ``AsyncGenerator[AsyncSession, None]``.
        imports: What has to be imported for it: modules, each with a name in it.
    """

    text: str
    imports: frozenset[tuple[str, str]] = frozenset()


def annotation(value: Value, program: Program, module: str) -> Annotation | None:
    """What to write for a value in a module; ``None`` where it is not known well enough.

    Args:
        value: The value.
        program: Where the classes are looked up.
        module: The module that it is written in, from which nothing is imported.
    """
    if not isinstance(value, ObjectValue):
        return None
    if value.resource is None and value.shape in _FORMS:
        item = annotation(value.item, program, module)
        if item is None:
            return None
        home, name, form = _FORMS[value.shape]
        imports = {(home, name), *item.imports}
        if "Any" in form:
            imports.add(("typing", "Any"))
        return Annotation(f"{name}[{form.format(item.text)}]", frozenset(imports))
    if isinstance(value.type, Instance):
        return _of_type(value.type, program, module)
    if value.resource is not None:
        home, _, name = value.resource.rpartition(".")
        return Annotation(name, frozenset({(home, name)}))
    return None


def _of_type(type_: Type, program: Program, module: str) -> Annotation | None:
    proper = get_proper_type(type_)
    if isinstance(proper, NoneType):
        return Annotation("None")
    if isinstance(proper, AnyType):
        return Annotation("Any", frozenset({("typing", "Any")}))
    if isinstance(proper, UnionType):
        return _joined([_of_type(item, program, module) for item in proper.items], " | ", "{}")
    if not isinstance(proper, Instance):
        return None
    place = _importable(proper.type, program)
    if place is None:
        return None
    home, name = place
    outermost = name.partition(".")[0]
    imports = frozenset() if home in (module, "builtins") else frozenset({(home, outermost)})
    if not proper.args:
        return Annotation(name, imports)
    inner = _joined([_of_type(a, program, module) for a in proper.args], ", ", name + "[{}]")
    return inner and Annotation(inner.text, inner.imports | imports)


def _joined(parts: list[Annotation | None], separator: str, form: str) -> Annotation | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    imports = frozenset().union(*(part.imports for part in known))
    return Annotation(form.format(separator.join(part.text for part in known)), imports)


def _importable(info: TypeInfo, program: Program) -> tuple[str, str] | None:
    """The module that a class is imported from, the package that exports it before its own."""
    module, name = program.split(info.fullname)
    if not module or not name or "@" in name:
        return None
    packages = module.split(".")
    for length in range(1, len(packages)):
        package = ".".join(packages[:length])
        if program.exports(package, name) is info:
            return package, name
    return module, name


def written(type_: Type | None) -> str | None:
    """An annotation as its author wrote it, near enough; ``None`` where there is none."""
    if isinstance(type_, UnboundType):
        arguments = [written(argument) or "..." for argument in type_.args]
        return f"{type_.name}[{', '.join(arguments)}]" if arguments else type_.name
    if isinstance(type_, UnionType):
        return " | ".join(written(item) or "..." for item in type_.items)
    if type_ is None or isinstance(type_, AnyType):
        return None
    return str(type_)
