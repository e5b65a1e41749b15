"""Whether the overlays that are configured fit the definitions that they are about.

mypy keeps errors by module, and a stub file is none. So this is asked anew at the start of each
run, of the sources alone, and what does not fit is reported at once, at the stub's line.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy.nodes import ClassDef, MypyFile, SymbolTable

from mypy_asyncsession.findings import Place
from mypy_asyncsession.semantic.declared import Declared, agree
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.interpreter import Interpreter
from mypy_asyncsession.semantic.program import Program
from mypy_asyncsession.semantic.values import UNKNOWN, ClassValue, ObjectValue, fullname

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_asyncsession.semantic.from_mypy_types import Types
    from mypy_asyncsession.semantic.module_source import ModuleSource
    from mypy_asyncsession.semantic.overlays import Overlays, Parse, Stub
    from mypy_asyncsession.semantic.scopes import Scope
    from mypy_asyncsession.semantic.values import Value


@dataclass(frozen=True, slots=True)
class Misfit:
    """A declaration that is not true.

    Attributes:
        path: The stub file.
        line: The line of the declaration, 1-based.
        message: What is wrong.
        hint: What to do, or ``None``.
        place: The definition, if there is one.
    """

    path: str
    line: int
    message: str
    hint: str | None = None
    place: Place | None = None


class _Found(dict[str, MypyFile]):
    """The modules of a program that has not been built: each is found when it is asked for."""

    def __init__(self, find: Callable[[str], str | None]) -> None:
        super().__init__()
        self._find = find
        self._asked: set[str] = set()

    def __contains__(self, module: object) -> bool:
        return isinstance(module, str) and self._look(module) is not None

    def get(self, module: str, _default: object = None) -> MypyFile | None:  # type: ignore[override]
        return self._look(module)

    def _look(self, module: str) -> MypyFile | None:
        if module not in self._asked:
            self._asked.add(module)
            path = self._find(module)
            # What is foreign is known by its name, as if it were not installed.
            if path is not None and not is_foreign(path):
                tree = self[module] = MypyFile([], [])
                tree.path = path
                tree.names = SymbolTable()
        return super().get(module)


def misfits(
    overlays: Overlays, parse: Parse, find: Callable[[str], str | None], types: Types
) -> Iterator[Misfit]:
    """What is wrong in the overlays that are the project's own.

    Args:
        overlays: The overlays.
        parse: Parses a file.
        find: Finds the file of a module; ``None`` if there is none.
        types: Knows the project's resources.
    """
    program = Program(_Found(find), parse, is_foreign)
    interpreter = Interpreter(program, types)
    declared = Declared(overlays, program, types)
    for module in overlays.modules():
        if overlays.is_bundled(module):
            continue
        stubs = overlays.of_module(module)
        if stubs is None:
            yield Misfit(overlays.path(module), 1, "This stub is not valid Python")
            continue
        if not stubs:
            continue
        source = program.source(module)
        if source is None:
            package = module.rpartition(".")[0]
            if find(module) is None and (not package or find(package) is not None):
                # Else it may well be, in a part of the project that is not looked at this time.
                yield Misfit(overlays.path(module), 1, f'There is no module "{module}"')
            continue
        seen: set[str] = set()
        for stub in stubs.values():
            for misfit in _of_stub(stub, source, interpreter, declared):
                if misfit.message not in seen:  # a class is missed once
                    seen.add(misfit.message)
                    yield misfit


def _of_stub(
    stub: Stub, source: ModuleSource, interpreter: Interpreter, declared: Declared
) -> Iterator[Misfit]:
    owner, _, name = stub.name.rpartition(".")
    scope = source.scope
    if owner:
        located = source.class_named(owner)
        if located is None:
            yield Misfit(stub.path, stub.line, f'"{stub.module}" has no class "{owner}"')
            return
        node, around = located
        scope = source.scope_in(node, around)
        callee: Value = interpreter.attribute(
            interpreter.instance(ClassValue(f"{stub.module}.{owner}", None, node)), name
        )
    else:
        callee = interpreter.module_attribute(stub.module, name, None)
    bindings = scope.names.bindings.get(name)
    if not bindings:
        if not owner or not _may_inherit(scope, interpreter):
            yield _missing(stub, owner, name, scope)
        return
    if callee is UNKNOWN and bindings[-1].node is not None and bindings[-1].kind == "def":
        callee = interpreter.defined(bindings[-1].node, scope)
    defined = interpreter.called(callee, [], source.scope)
    says = declared.of_stub(stub)
    if (
        not agree(defined, says)
        and isinstance(defined, ObjectValue)
        and isinstance(says, ObjectValue)
    ):
        origin = defined.origin
        yield Misfit(
            stub.path,
            stub.line,
            f'"{stub.name}" is {defined.shape.value}, and is declared as {says.shape.value}',
            "Correct the declaration: the definition is what runs",
            Place(origin.fullname, origin.path, origin.line) if origin is not None else None,
        )


def _may_inherit(scope: Scope, interpreter: Interpreter, depth: int = 0) -> bool:
    """Whether a class has a base of which not all is known."""
    node = scope.node
    assert isinstance(node, ClassDef)
    assert scope.parent is not None
    for expression in node.base_type_exprs:
        base = interpreter.value(expression, scope.parent, None)
        if fullname(base) == "builtins.object":
            continue
        source = (
            interpreter.program.source(base.fullname.rpartition(".")[0])
            if isinstance(base, ClassValue)
            else None
        )
        if not isinstance(base, ClassValue) or base.node is None or source is None or depth > 8:
            return True
        if _may_inherit(source.scope_in(base.node, source.scope), interpreter, depth + 1):
            return True
    return False


def _missing(stub: Stub, owner: str, name: str, scope: Scope) -> Misfit:
    near = difflib.get_close_matches(name, list(scope.names.bindings), n=1)
    return Misfit(
        stub.path,
        stub.line,
        f'"{owner or stub.module}" has no "{name}"',
        f'Did you mean "{near[0]}"?' if near else None,
    )
