"""Overlays: stub files whose return types are applied to functions whose source is in the run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mypy.nodes import ClassDef, Decorator, MypyFile
from mypy.types import CallableType

from mypy_asyncsession.semantic.syntax import definition_of, dotted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from mypy.nodes import Node
    from mypy.types import Type

    from mypy_asyncsession.semantic.scopes import Scope

    #: Parses a file, given its path and module name; ``None`` where that fails.
    Parse = Callable[[str, str, str | None], MypyFile | None]

#: How the directory of a stub-only package ends (PEP 561).
SUFFIX = "-stubs"


class Stub(NamedTuple):
    """What a stub declares of one function.

    Attributes:
        module: The module that the stub is of.
        name: The function's name in it: ``Database.session``.
        path: The stub file.
        line: The line of the function in it, 1-based.
        returns: The return type as written, names unresolved; ``None`` where there is none.
        scope: What the names in it stand for.
        is_async: Whether it is an ``async def``.
        manages: Whether a decorator of contextlib makes a context manager of what it gives:
            ``asynccontextmanager`` or ``contextmanager``.
    """

    module: str
    name: str
    path: str
    line: int
    returns: Type | None
    scope: Scope
    is_async: bool
    manages: str | None


class Folder(NamedTuple):
    """A directory of stubs.

    Attributes:
        path: The directory.
        bundled: Whether it came with this package: then a tree of another age may not fit it, and
            what does not fit is passed over.
    """

    path: str
    bundled: bool = False


class Overlays:
    """The stub files in some directories, each read when its module is asked about."""

    def __init__(self, folders: Sequence[Folder]) -> None:
        self._parse: Parse | None = None
        self._files: dict[str, tuple[str, bool]] = {}
        self._stubs: dict[str, dict[str, Stub]] = {}
        for folder in folders:
            for module, path in modules_in(folder.path):
                self._files.setdefault(module, (path, folder.bundled))

    def begin(self, parse: Parse) -> None:
        """Take part in a build, in which *parse* parses files."""
        self._parse = parse
        self._stubs.clear()

    def modules(self) -> Iterator[str]:
        """The modules that there are stubs of."""
        yield from self._files

    def functions(self) -> dict[str, list[str]]:
        """The names of the functions that the stubs declare, by module."""
        return {module: [*(self.of_module(module) or ())] for module in self._files}

    def path(self, module: str) -> str:
        """The stub file of a module."""
        return self._files[module][0]

    def is_bundled(self, module: str) -> bool:
        """Whether the stub of a module came with this package."""
        return self._files[module][1]

    def digest(self, module: str) -> str:
        """A digest of the stub of a module; empty where there is none."""
        if module not in self._files:
            return ""
        try:
            return hashlib.sha256(Path(self.path(module)).read_bytes()).hexdigest()[:16]
        except OSError:
            return ""

    def state(self) -> str:
        """A digest of all that the project's own stubs say."""
        own = sorted(module for module in self._files if not self.is_bundled(module))
        found = [(module, self.path(module), self.digest(module)) for module in own]
        return hashlib.sha256(repr(found).encode()).hexdigest()[:16] if found else ""

    def of_module(self, module: str) -> dict[str, Stub] | None:
        """What the stub of a module declares, by name; ``None`` if it cannot be parsed."""
        if module not in self._files:
            return {}
        if module not in self._stubs:
            # Most runs read no stub.
            from mypy_asyncsession.semantic.bindings import names_of
            from mypy_asyncsession.semantic.scopes import Scope

            assert self._parse is not None
            tree = self._parse(self.path(module), module, None)
            if tree is None:
                return None
            names = names_of(
                tree.defs, module, is_package=os.path.basename(tree.path) == "__init__.pyi"
            )
            scope = Scope(module, None, names)
            found = _functions(tree.defs, module, tree.path, scope, "")
            self._stubs[module] = {stub.name: stub for stub in found}
        return self._stubs[module]

    def stub(self, module: str, name: str) -> Stub | None:
        """What is declared of a function; ``None`` if nothing is."""
        if module not in self._files:
            return None
        return (self.of_module(module) or {}).get(name)


def modules_in(folder: str) -> Iterator[tuple[str, str]]:
    """The modules in a directory of stubs, with their files.

    ``shop-stubs`` holds the package ``shop``; any other directory holds packages and modules.
    """
    root = Path(folder)
    name = root.name
    if name.endswith(SUFFIX):
        yield from _inside(root, name[: -len(SUFFIX)])
        return
    for path in sorted(root.iterdir()):
        if path.is_dir() and path.name.removesuffix(SUFFIX).isidentifier():
            yield from _inside(path, path.name.removesuffix(SUFFIX))
        elif path.suffix == ".pyi" and path.stem.isidentifier():
            yield path.stem, str(path)


def _inside(folder: Path, package: str) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.pyi")):
        parts = path.relative_to(folder).with_suffix("").parts
        if all(part.isidentifier() for part in parts):
            inner = parts[:-1] if parts[-1] == "__init__" else parts
            yield ".".join((package, *inner)), str(path)


def _functions(
    body: Iterable[Node], module: str, path: str, scope: Scope, prefix: str
) -> Iterator[Stub]:
    for statement in body:
        if isinstance(statement, ClassDef):
            inner = f"{prefix}{statement.name}."
            yield from _functions(statement.defs.body, module, path, scope, inner)
            continue
        function = definition_of(statement)
        if function is None or function.name == "__getattr__":
            continue
        type_ = function.unanalyzed_type or function.type
        yield Stub(
            module=module,
            name=prefix + function.name,
            path=path,
            line=function.line,
            returns=type_.ret_type if isinstance(type_, CallableType) else None,
            scope=scope,
            is_async=function.is_coroutine,
            manages=_manages(statement),
        )


def _manages(statement: Node) -> str | None:
    if isinstance(statement, Decorator):
        for decorator in statement.original_decorators:
            last = (dotted(decorator) or "").rpartition(".")[2]
            if last in ("asynccontextmanager", "contextmanager"):
                return last
    return None
