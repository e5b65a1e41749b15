"""Stub files with the return types that getters should have: an overlay, ready to be used.

A stub holds what is missing and no more; what it leaves out stays as it is, by a ``__getattr__`` at
the level of the module, and by ``Any`` as the base of each class, whose attributes and constructor
are then those of the source.
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import re
import sys
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy_asyncsession.survey import Provider

#: The first line of each file: what has it may be written anew.
MARK: Final = "# Written by mypy-asyncsession stubs."
_SUFFIX: Final = "-stubs"
#: Formatters break longer lines; less what a class indents.
_WIDTH: Final = 84
_BUILTINS: Final = frozenset(dir(builtins))


@dataclass(slots=True)
class _Class:
    """A class in a stub, or the module: the functions in it, and the classes."""

    functions: list[list[str]] = field(default_factory=list)
    initializer: list[str] = field(default_factory=list)
    classes: dict[str, _Class] = field(default_factory=dict)


def stub_files(providers: Iterable[Provider]) -> dict[str, str]:
    """The stubs for some providers: paths below the overlay's directory, and texts.

    Providers whose annotation is precise, or not known, are passed over.
    """
    modules: dict[str, list[Provider]] = {}
    for provider in providers:
        if provider.resource and provider.annotated != "precise" and provider.right is not None:
            modules.setdefault(provider.module, []).append(provider)
    files: dict[str, str] = {}
    for module, found in sorted(modules.items()):
        text = _stub(module, found)
        if text is not None:
            is_package = Path(found[0].place.path).stem == "__init__"
            files[_path(module, is_package=is_package)] = text
    for path in list(files):
        _complete(path, files)
    return dict(sorted(files.items()))


def _path(module: str, *, is_package: bool) -> str:
    top, *rest = module.split(".")
    if not rest and not is_package:
        return f"{top}.pyi"
    parts = [top + _SUFFIX, *rest]
    return "/".join([*parts, "__init__.pyi"]) if is_package else "/".join(parts) + ".pyi"


def _complete(path: str, files: dict[str, str]) -> None:
    """Add what makes the directories above a stub a partial stub package (PEP 561)."""
    parts = path.split("/")[:-1]
    if not parts:
        return
    files.setdefault(f"{parts[0]}/py.typed", "partial\n")
    for length in range(1, len(parts) + 1):
        files.setdefault("/".join([*parts[:length], "__init__.pyi"]), _empty())


def _empty() -> str:
    return f"{MARK}\nfrom typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n"


def _stub(module: str, providers: list[Provider]) -> str | None:
    source = _Source.read(providers[0].place.path, module)
    if source is None:
        return None
    imports: set[tuple[str, str]] = {("typing", "Any")}
    body = _Class()
    for provider in sorted(providers, key=lambda each: each.place.line):
        function = source.function(provider.name)
        if function is None:
            continue
        owner = body
        names = provider.name.split(".")
        for number, name in enumerate(names[:-1], 1):
            if name not in owner.classes:
                initializer = source.function(".".join([*names[:number], "__init__"]))
                owner.classes[name] = _Class()
                if initializer is not None:
                    arguments = source.arguments(initializer.args, imports)
                    owner.classes[name].initializer = _signature("def __init__", arguments, "None")
            owner = owner.classes[name]
        owner.functions.append(_function(provider, function, source, imports))
        imports |= source.needed(provider, owner.functions[-1])
    if not body.functions and not body.classes:
        return None
    lines = [MARK, *_imports(imports, module), "", "def __getattr__(name: str) -> Any: ..."]
    for function_lines in body.functions:
        lines += function_lines
    for name, inner in body.classes.items():
        lines += ["", *_class(name, inner)]
    return "\n".join(lines) + "\n"


def _class(name: str, found: _Class) -> Iterator[str]:
    yield f"class {name}(Any):"
    parts = [*found.functions, *(list(_class(n, inner)) for n, inner in found.classes.items())]
    for part in (found.initializer, *parts):
        yield from (f"    {line}" for line in part)


def _function(
    provider: Provider,
    function: ast.FunctionDef | ast.AsyncFunctionDef,
    source: _Source,
    imports: set[tuple[str, str]],
) -> list[str]:
    lines = []
    if provider.kind == "static method":
        lines.append("@staticmethod")
    elif provider.kind == "class method":
        lines.append("@classmethod")
    elif provider.kind == "property":
        lines.append("@property")
    generates = any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in _own(function))
    keyword = "async def" if provider.is_async and not generates else "def"
    returns = provider.right or "Any"
    if provider.managed:
        returns = _managed(returns, imports, is_async=provider.is_async)
    arguments = source.arguments(function.args, imports)
    return [*lines, *_signature(f"{keyword} {function.name}", arguments, returns)]


def _managed(generator: str, imports: set[tuple[str, str]], *, is_async: bool) -> str:
    """What a decorator of contextlib makes of a generator function.

    stubtest does not look behind such a decorator, so the stub has what typeshed has for it.
    """
    name = "_AsyncGeneratorContextManager" if is_async else "_GeneratorContextManager"
    imports.add(("contextlib", name))
    inside = ast.parse(generator, mode="eval").body
    if isinstance(inside, ast.Subscript):
        item = inside.slice
        return f"{name}[{ast.unparse(item.elts[0] if isinstance(item, ast.Tuple) else item)}]"
    return name


def _signature(start: str, arguments: list[str], returns: str) -> list[str]:
    one = f"{start}({', '.join(arguments)}) -> {returns}: ..."
    if len(one) <= _WIDTH or not arguments:
        return [one]
    return [f"{start}(", *(f"    {argument}," for argument in arguments), f") -> {returns}: ..."]


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function, those of functions inside it aside."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _own(child)


def _imports(imports: Iterable[tuple[str, str]], module: str) -> Iterator[str]:
    """Import statements, in the order that import sorters give them."""
    names: dict[str, set[str]] = {}
    for home, name in imports:
        names.setdefault(home, set()).add(name)
    own = module.split(".", maxsplit=1)[0]

    def group(home: str) -> int:
        top = home.split(".", maxsplit=1)[0]
        return 0 if top in sys.stdlib_module_names else 2 if top == own else 1

    before = None
    for home in sorted(names, key=lambda home: (group(home), home)):
        if before is not None and group(home) != before:
            yield ""
        before = group(home)
        # A name by itself is a whole module.
        whole = "" in names[home]
        if whole:
            yield f"import {home}"
        found = sorted(names[home] - {""}, key=lambda name: (name.lower(), name))
        if found:
            yield f"from {home} import {', '.join(found)}"


class _Source:
    """A module as it is written."""

    def __init__(self, tree: ast.Module, module: str, *, is_package: bool) -> None:
        self._tree = tree
        self._module = module
        self._is_package = is_package
        self._bound = dict(self._bindings())

    @classmethod
    def read(cls, path: str, module: str) -> _Source | None:
        """The module in a file; ``None`` if this Python cannot read it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(Path(path).read_bytes())
        except (OSError, SyntaxError, ValueError, RecursionError):
            return None
        return cls(tree, module, is_package=Path(path).stem == "__init__")

    def function(self, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        """The last definition of a function: ``Database.session``."""
        *owners, last = name.split(".")
        body: list[ast.stmt] = self._tree.body
        for owner in owners:
            classes = [each for each in _statements(body) if isinstance(each, ast.ClassDef)]
            found = [each for each in classes if each.name == owner]
            if not found:
                return None
            body = found[-1].body
        functions = [
            each
            for each in _statements(body)
            if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)) and each.name == last
        ]
        return functions[-1] if functions else None

    def needed(self, provider: Provider, lines: list[str]) -> set[tuple[str, str]]:
        """The imports for the return annotation, those that the source has among them."""
        returns = lines[-1].rpartition(" -> ")[2].removesuffix(": ...")
        names = _names(returns)
        found = {(home, name) for home, name in provider.imports if name in names}
        present = {name for _, name in found}
        for name in names:
            if name not in present and name in self._bound:
                found.add(self._bound[name])
        return found

    def arguments(self, found: ast.arguments, imports: set[tuple[str, str]]) -> list[str]:
        """The parameters as a stub has them; an annotation is kept if its names are imported."""
        result: list[str] = []
        positional = [*found.posonlyargs, *found.args]
        without = len(positional) - len(found.defaults)
        for number, argument in enumerate(positional):
            default = found.defaults[number - without] if number >= without else None
            result.append(self._argument(argument, imports, default))
            if number + 1 == len(found.posonlyargs):
                result.append("/")
        if found.vararg is not None:
            result.append("*" + self._argument(found.vararg, imports, None))
        elif found.kwonlyargs:
            result.append("*")
        for argument, default in zip(found.kwonlyargs, found.kw_defaults, strict=True):
            result.append(self._argument(argument, imports, default))
        if found.kwarg is not None:
            result.append("**" + self._argument(found.kwarg, imports, None))
        return result

    def _argument(
        self, argument: ast.arg, imports: set[tuple[str, str]], default: ast.expr | None
    ) -> str:
        text = argument.arg
        annotation = self._annotation(argument.annotation, imports)
        if annotation is None:
            return f"{text}=..." if default is not None else text
        if default is None:
            return f"{text}: {annotation}"
        is_none = isinstance(default, ast.Constant) and default.value is None
        if is_none and not {"None", "Optional", "Any"} & _words(annotation):
            annotation += " | None"
        return f"{text}: {annotation} = ..."

    def _annotation(self, node: ast.expr | None, imports: set[tuple[str, str]]) -> str | None:
        if node is None:
            return None
        text = ast.unparse(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        needed = set()
        for name in _names(text):
            if name in self._bound:
                needed.add(self._bound[name])
            elif name not in _BUILTINS:
                return None
        if not needed and not _names(text):
            return None
        imports |= needed
        return text

    def _bindings(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """The names that the module imports under their own name, with the imports."""
        for statement in _statements(self._tree.body):
            if isinstance(statement, ast.ImportFrom):
                home = self._absolute(statement)
                for alias in statement.names:
                    if home and alias.name != "*" and alias.asname in (None, alias.name):
                        # Since Python 3.9 typing's are aliases of these.
                        modern = home == "typing" and hasattr(collections.abc, alias.name)
                        yield alias.name, ("collections.abc" if modern else home, alias.name)
            elif isinstance(statement, ast.Import):
                for alias in statement.names:
                    if alias.asname is None:
                        yield alias.name.split(".")[0], (alias.name, "")

    def _absolute(self, statement: ast.ImportFrom) -> str:
        if not statement.level:
            return statement.module or ""
        parts = self._module.split(".")
        keep = len(parts) - statement.level + (1 if self._is_package else 0)
        return ".".join([*parts[:keep], *filter(None, [statement.module])]) if keep > 0 else ""


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a body, those under ``if``, ``try`` and ``with`` among them."""
    for statement in body:
        yield statement
        if isinstance(statement, (ast.If, ast.Try, ast.With)):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, ()))
            for handler in getattr(statement, "handlers", ()):
                yield from _statements(handler.body)


def _names(text: str) -> set[str]:
    """The names at the beginning of each dotted name in an annotation."""
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return {"?"}
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(tree)):
        names.add("?")  # a quoted name inside, or a Literal: left out
    return names


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
