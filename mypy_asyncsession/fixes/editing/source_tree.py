"""All files that may be edited, and what their names mean to each other."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import libcst as cst

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.imports import aliases, module_of, takes, top_level
from mypy_asyncsession.fixes.editing.source_file import SourceFile
from mypy_asyncsession.fixes.editing.surroundings import Surroundings, content

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mypy_asyncsession.findings import Place

_Definition = TypeVar("_Definition", cst.FunctionDef, cst.ClassDef)
_Found = TypeVar("_Found")

#: How many re-exports are followed from a name to its definition.
_MOST_STEPS = 8

#: A mock that is told what iterating over it gives: as a generator it does not work.
_DOUBLE = re.compile(rb"__aiter__\s*(?:\.|=[^=])")
#: Where something is put in the place of a provider: patched, overridden, set, given by its name.
_STANDS_FOR = (
    rb"(?:patch[\w.]*|setattr)\s*\([^()]*[\"'](?:[\w.]*\.)?NAME[\"']"
    rb"|dependency_overrides\s*\[[\w.]*\bNAME\s*\]"
    rb"|DOT\bNAME(?:\.\w+)*\s*=[^=]"
)
_FROM = re.compile(rb"\bfrom\s+[\w.]*?(\w+)\s+import\b")


class Tree:
    """The files as they are before the fixes of a round; each is parsed when it is asked for."""

    def __init__(
        self,
        read: Callable[[str], bytes],
        modules: Mapping[str, str],
        directory: str | None = None,
    ) -> None:
        """Begin a round.

        Args:
            read: Gives the content of a file, by its path; raises ``CannotFix`` where it cannot.
            modules: The name of each file's module, by the file's path.
            directory: What the paths are relative to; ``None`` if there is nothing around them.
        """
        self._elsewhere: dict[str, bool] = {}
        self._other_names: dict[str, set[str]] = {}
        self._surroundings = Surroundings(modules, directory)
        self._read = read
        self._modules = modules
        self._paths: dict[str, list[str]] = defaultdict(list)
        for path, module in modules.items():
            self._paths[module].append(path)
        self._files: dict[str, SourceFile | CannotFix] = {}
        self._mentioning: dict[tuple[bytes, ...], list[SourceFile]] = {}
        self._around: dict[str, SourceFile | None] = {}
        self._importers: dict[bytes, set[str]] | None = None
        self._known: dict[object, object] = {}

    def file(self, path: str) -> SourceFile:
        """One file.

        Raises:
            CannotFix: It cannot be read, or not be parsed.
        """
        found = self._files.get(path)
        if found is None:
            try:
                found = SourceFile(path, self._read(path))
            except CannotFix as left:
                found = left
            self._files[path] = found
        if isinstance(found, CannotFix):
            raise CannotFix(str(found))
        return found

    def once(self, what: object, find: Callable[[], _Found]) -> _Found:
        """What many findings ask of the same files: it is found out once.

        Raises:
            CannotFix: It was raised when it was.
        """
        if what not in self._known:
            try:
                self._known[what] = find()
            except CannotFix as left:
                self._known[what] = left
        found = self._known[what]
        if isinstance(found, CannotFix):
            raise CannotFix(str(found))
        return cast("_Found", found)

    def named(self, module: str, source: SourceFile) -> SourceFile | None:
        """The file that a module is to another file, if it is one of these and can be read."""
        path = self._path_of(module, source)
        try:
            return self.file(path) if path is not None else None
        except CannotFix:
            return None

    def module(self, source: SourceFile) -> str:
        """The full name of a file's module."""
        return self._modules.get(source.path, "")

    def mentioning(self, *words: bytes, most: int | None = None) -> list[SourceFile]:
        """The files that have some words in them; none if there are more than *most*."""
        if words not in self._mentioning:
            paths = []
            for path in sorted(self._modules):
                with contextlib.suppress(CannotFix):
                    content = self._read(path)
                    if all(word in content for word in words):
                        paths.append(path)
            found = []
            for path in paths if most is None or len(paths) <= most else ():
                with contextlib.suppress(CannotFix):
                    found.append(self.file(path))
            self._mentioning[words] = found
        return self._mentioning[words]

    def is_mentioned_elsewhere(self, name: str) -> bool:
        """Whether a file of the project that is not one of these has a word in it.

        It may be a test, a notebook, a template or a manual: who reads it may do as it says.
        """
        if name not in self._elsewhere:
            self._elsewhere[name] = self._is_elsewhere(name)
        return self._elsewhere[name]

    def _is_elsewhere(self, name: str) -> bool:
        word = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
        if not all(self._can_be_read(path, word) for path in self._modules):
            return True
        return any(word.search(content(path)) for path in self._surroundings.texts())

    def around(self, word: str) -> dict[str, bytes]:
        """The Python files of the project that are not among these and have a word in them."""
        return self._surroundings.mentioning(word)

    def file_around(self, path: str, content: bytes) -> SourceFile | None:
        """One of these; ``None`` if it is none of Python's, or cannot be parsed."""
        if path not in self._around:
            self._around[path] = None
            with contextlib.suppress(CannotFix):
                if path.endswith(".py"):
                    self._around[path] = SourceFile(path, content)
        return self._around[path]

    def other_names(self, name: str) -> set[str]:
        """What else the project's files call something: by ``import ... as``, or assigned."""
        if name not in self._other_names:
            word = re.escape(name.encode())
            pattern = re.compile(
                rb"\b" + word + rb"\s+as\s+(\w+)"
                rb"|^(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:\w+\.)*" + word + rb"[ \t]*(?:#.*)?$",
                re.MULTILINE,
            )
            texts = [self._read(source.path) for source in self.mentioning(name.encode())]
            found = {
                (match[1] or match[2]).decode()
                for text in (*texts, *self.around(name).values())
                for match in pattern.finditer(text)
            }
            self._other_names[name] = found - {name}
        return self._other_names[name]

    def _can_be_read(self, path: str, word: re.Pattern[bytes]) -> bool:
        """Whether it can be told what a file says of a word."""
        try:
            if word.search(self._read(path)):
                self.file(path)
        except CannotFix:
            return False
        return True

    def is_own(self, source: SourceFile, name: str) -> bool:
        """Whether nobody but a file itself can want a name that it imports."""
        if source.path.endswith("__init__.py"):
            return False
        tail = self.module(source).rpartition(".")[2].encode()
        others = self._importing().get(tail, set()) - {source.path}
        if any(name.encode() in self._read(path) for path in others) and any(
            takes(self._read(path), tail, name) for path in others
        ):
            return False
        # Tests name what they patch in a string, with the module before it.
        named = tail + b"." + name.encode()
        return not self.mentioning(named) and not any(
            takes(text, tail, name) or named in text for text in self.around(name).values()
        )

    def is_called(self, name: str) -> bool:
        """Whether a file calls something of that name; none is parsed for that."""
        call = re.compile(rb"(?<!def )\b" + re.escape(name.encode()) + rb"\s*\(")
        for path in self._modules:
            with contextlib.suppress(CannotFix):
                if call.search(self._read(path)):
                    return True
        return False

    def only_iterated(self, name: str, module: str | None, *, member: bool = False) -> str | None:
        """A file with a double of a provider that can be iterated over and nothing else.

        Args:
            name: The provider.
            module: The last part of the module that it has to be put in, if it is a certain one.
            member: Whether it is got at as the attribute of something.
        """
        pattern = _STANDS_FOR.replace(b"NAME", re.escape(name.encode()))
        stands_for = re.compile(pattern.replace(b"DOT", rb"\." if member else b""))
        files = {source.path: source.content for source in self.mentioning(b"__aiter__")}
        for path, text in (*files.items(), *self.around("__aiter__").items()):
            if module is not None and module.encode() not in text:
                continue
            if _DOUBLE.search(text) and stands_for.search(text):
                return path
        return None

    def _importing(self) -> dict[bytes, set[str]]:
        """The files that import from modules, by the last part of the name of these."""
        if self._importers is None:
            self._importers = {}
            for path in self._modules:
                with contextlib.suppress(CannotFix):
                    for tail in _FROM.findall(self._read(path)):
                        self._importers.setdefault(tail, set()).add(path)
        return self._importers

    def defined_around(self, module: str, name: str) -> bool:
        """Whether a module that is not among these defines a name itself."""
        end = f"{module.replace('.', '/')}.py"
        defining = re.compile(
            rb"^(?:(?:async\s+)?def\s+|class\s+)?" + name.encode() + rb"\s*(?:[(:]|=[^=])",
            re.MULTILINE,
        )
        return not module.startswith(".") and any(
            f"/{path}".endswith(f"/{end}") and defining.search(text) is not None
            for path, text in self.around(name).items()
        )

    def file_of(self, place: Place) -> SourceFile | None:
        """The file that something is defined in, if it is one of these and can be read."""
        if place.path not in self._modules:
            return None
        try:
            return self.file(place.path)
        except CannotFix:
            return None

    def at(self, place: Place | None) -> tuple[SourceFile, cst.FunctionDef] | None:
        """The function at the top level of a module that is defined at *place*."""
        if place is None or place.path not in self._modules:
            return None
        try:
            source = self.file(place.path)
        except CannotFix:
            return None
        if place.fullname.rpartition(".")[0] != self.module(source):
            return None
        name = place.fullname.rpartition(".")[2]
        found = _defined(source, name, cst.FunctionDef)
        return (source, found) if found is not None else None

    def imported(self, source: SourceFile, name: str) -> tuple[str, str, str] | None:
        """Where a name of a file comes from.

        Returns:
            The full name of the module, the module as it is written, and the name there.
        """
        for line in top_level(source.module.body):
            if isinstance(line, cst.ImportFrom):
                for alias in aliases(line):
                    if (alias.evaluated_alias or alias.evaluated_name) == name:
                        text = module_of(line)
                        return self.absolute(source, text), text, alias.evaluated_name
        return None

    def origin(self, source: SourceFile, node: cst.BaseExpression) -> tuple[str, str] | None:
        """The module that defines what a file names, as far as it is known, and its name there."""
        if isinstance(node, cst.Attribute):
            module = self.module_named(source, node.value)
            name = node.attr.value
        elif isinstance(node, cst.Name):
            module, name = self.module(source), node.value
        else:
            return None
        for _ in range(_MOST_STEPS):
            path = self._path_of(module or "", source)
            try:
                found = self.imported(self.file(path), name) if path is not None else None
            except CannotFix:
                found = None
            if found is None:
                break
            module, _, name = found
        return (module, name) if module is not None else None

    def module_named(self, source: SourceFile, node: cst.BaseExpression) -> str | None:
        """The module that an expression of a file is, by its imports."""
        text = source.code(node).replace(" ", "")
        for line in top_level(source.module.body):
            if isinstance(line, cst.Import):
                for alias in line.names:
                    if (alias.evaluated_alias or alias.evaluated_name) == text:
                        return alias.evaluated_name
        found = self.imported(source, text)
        if found is not None and f"{found[0]}.{found[2]}" in self._paths:
            return f"{found[0]}.{found[2]}"
        return None

    def function(
        self, source: SourceFile, node: cst.BaseExpression
    ) -> tuple[SourceFile, cst.FunctionDef] | None:
        """The function at the top level of a module that an expression of a file names."""
        return self._named(source, node, cst.FunctionDef)

    def class_named(
        self, source: SourceFile, node: cst.BaseExpression
    ) -> tuple[SourceFile, cst.ClassDef] | None:
        """The class at the top level of a module that an expression of a file names."""
        return self._named(source, node, cst.ClassDef)

    def _named(
        self, source: SourceFile, node: cst.BaseExpression, kind: type[_Definition]
    ) -> tuple[SourceFile, _Definition] | None:
        if isinstance(node, cst.Attribute):
            module = self.module_named(source, node.value)
            if module is None:
                return None
            return self._exported(module, source, node.attr.value, kind, _MOST_STEPS)
        if not isinstance(node, cst.Name):
            return None
        return self._follow(source, node.value, kind, _MOST_STEPS)

    def _path_of(self, module: str, source: SourceFile) -> str | None:
        """The file that a module is to another file: of several projects', the nearest one."""
        paths = self._paths.get(module, ())
        return max(paths, key=lambda path: _nearness(path, source.path), default=None)

    def _exported(
        self, module: str, source: SourceFile, name: str, kind: type[_Definition], steps: int
    ) -> tuple[SourceFile, _Definition] | None:
        path = self._path_of(module, source)
        if path is None or steps < 0:
            return None
        try:
            return self._follow(self.file(path), name, kind, steps)
        except CannotFix:
            return None

    def _follow(
        self, source: SourceFile, name: str, kind: type[_Definition], steps: int
    ) -> tuple[SourceFile, _Definition] | None:
        found = _defined(source, name, kind)
        if found is not None:
            return source, found
        imported = self.imported(source, name)
        if imported is None:
            return None
        return self._exported(imported[0], source, imported[2], kind, steps - 1)

    def absolute(self, source: SourceFile, text: str) -> str:
        """The full name of a module that is written relative to a file."""
        level = len(text) - len(text.lstrip("."))
        if not level:
            return text
        package = self.module(source).split(".")
        if not source.path.endswith("__init__.py"):
            package.pop()
        above = package[: len(package) - (level - 1)]
        return ".".join([*above, *filter(None, [text[level:]])])


def _defined(source: SourceFile, name: str, kind: type[_Definition]) -> _Definition | None:
    """The one function, or class, of that name at the top level of a file."""
    found = [
        each for each in source.module.body if isinstance(each, kind) and each.name.value == name
    ]
    return found[0] if len(found) == 1 else None


def _nearness(path: str, other: str) -> int:
    """How many directories two files have in common."""
    pairs = zip(Path(path).parts, Path(other).parts, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
