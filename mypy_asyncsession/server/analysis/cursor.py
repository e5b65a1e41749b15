"""Which provider the name under the cursor stands for."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.finding_identity import parsed
from mypy_asyncsession.server.analysis.inventories import rows, surveyed
from mypy_asyncsession.server.analysis.texts import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_asyncsession.audit.inventory import Row
    from mypy_asyncsession.server.analysis.project import Project

_Function = (ast.FunctionDef, ast.AsyncFunctionDef)
_Scope = (*_Function, ast.Lambda, ast.Module)


@dataclass(frozen=True, slots=True)
class Under:
    """What is under the cursor.

    Attributes:
        row: The provider.
        start: The first column of the name, in characters.
        end: The column behind it.
        bound: The name, where it is one that a session of the provider's is bound to.
    """

    row: Row
    start: int
    end: int
    bound: str | None = None


def under(project: Project, path: str, text: str, line: int, column: int) -> Under | None:
    """What is under the cursor; ``None`` if it is neither a provider nor what one gives.

    Args:
        project: The project.
        path: The file.
        text: Its text.
        line: The line, 1-based.
        column: The column, in characters.
    """
    module = _Module(text)
    found = module.name_at(line, column)
    if found is None:
        return None
    known = rows(project)
    lookup = _Lookup(project, path, module, known)
    provider = lookup.provider(found.node, line)
    bound = None
    if provider is None and isinstance(found.node, (ast.Name, ast.arg)):
        bound = found.name
        expression = module.bound_to(found.node, bound)
        provider = lookup.provider(expression, expression.lineno) if expression else None
    return Under(provider, found.start, found.end, bound) if provider is not None else None


@dataclass(frozen=True, slots=True)
class _Named:
    """A name in the text."""

    node: ast.AST
    name: str
    start: int
    end: int


class _Module:
    """The tree of a text, which may be one that cannot be parsed: then it is empty."""

    def __init__(self, text: str) -> None:
        self._lines = lines_of(text)
        self.tree = parsed("\n".join(self._lines))
        self._parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, the nearest first."""
        while node in self._parents:
            node = self._parents[node]
            yield node

    def name_at(self, line: int, column: int) -> _Named | None:
        """The name at a place."""
        for node in ast.walk(self.tree):
            for named in self._names(node):
                if named[0] == line and named[1].start <= column <= named[1].end:
                    return named[1]
        return None

    def _names(self, node: ast.AST) -> Iterator[tuple[int, _Named]]:
        if isinstance(node, ast.Name):
            yield self._named(node, node.id, node.lineno, node.col_offset)
        elif isinstance(node, ast.arg):
            yield self._named(node, node.arg, node.lineno, node.col_offset)
        elif isinstance(node, ast.Attribute) and node.end_lineno is not None:
            size = len(node.attr.encode())
            yield self._named(node, node.attr, node.end_lineno, (node.end_col_offset or 0) - size)
        elif isinstance(node, ast.alias):
            last = node.name.rpartition(".")[2]
            start = node.col_offset + len(node.name.encode()) - len(last.encode())
            yield self._named(node, last, node.lineno, start)
            if node.asname is not None:
                size = len(node.asname.encode())
                start = (node.end_col_offset or 0) - size
                yield self._named(node, node.asname, node.end_lineno or node.lineno, start)
        elif isinstance(node, _Function):
            keyword = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
            line = self._lines[node.lineno - 1]
            start = line.find(node.name, len(line.encode()[: node.col_offset].decode()))
            if start >= 0 and keyword.split(maxsplit=1)[0] in line:
                named = _Named(node, node.name, start, start + len(node.name))
                yield node.lineno, named

    def _named(self, node: ast.AST, name: str, line: int, offset: int) -> tuple[int, _Named]:
        before = self._lines[line - 1].encode()[:offset].decode(errors="replace")
        return line, _Named(node, name, len(before), len(before) + len(name))

    def bound_to(self, node: ast.AST, name: str) -> ast.expr | None:
        """The expression that a name is bound to, where a block or a parameter binds it."""
        if isinstance(node, ast.arg):
            function = self._parents.get(self._parents.get(node, node))
            return _injected(function, node) if isinstance(function, _Function) else None
        for scope in self.around(node):
            if not isinstance(scope, _Scope):
                continue
            found = [each for each in _bindings(scope, name) if each[0] <= _line(node)]
            if found:
                return max(found, key=lambda each: each[0])[1]
            if isinstance(scope, _Function):
                for argument in _arguments(scope):
                    if argument.arg == name:
                        return _injected(scope, argument)
        return None

    def imported(self, name: str) -> tuple[str, int, str] | None:
        """What ``from module import name`` binds to a name: the module, its level, and the name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    if (alias.asname or alias.name) == name:
                        return node.module or "", node.level, alias.name
        return None


def _line(node: ast.AST) -> int:
    return getattr(node, "lineno", 0)


def _bindings(scope: ast.AST, name: str) -> Iterator[tuple[int, ast.expr]]:
    """What a name is bound to in a function or module, by the lines."""
    stack = list(ast.iter_child_nodes(scope))
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name) and item.optional_vars.id == name:
                    yield item.optional_vars.lineno, item.context_expr
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            if isinstance(node.target, ast.Name) and node.target.id == name:
                yield node.target.lineno, node.iter
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and target.id == name:
                    yield target.lineno, node.value
        if not isinstance(node, (*_Function, ast.Lambda, ast.ClassDef)):
            stack.extend(ast.iter_child_nodes(node))


def _arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]


def _injected(
    function: ast.FunctionDef | ast.AsyncFunctionDef, argument: ast.arg
) -> ast.expr | None:
    """What FastAPI fills a parameter with: its default, or the metadata of its annotation."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults: dict[ast.arg, ast.expr | None] = dict(
        zip(reversed(positional), reversed(arguments.defaults), strict=False)
    )
    defaults |= dict(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True))
    default = defaults.get(argument)
    return default if isinstance(default, ast.Call) else argument.annotation


@dataclass(frozen=True, slots=True)
class _Lookup:
    """Finds the provider that a piece of a text is about."""

    project: Project
    path: str
    module: _Module
    rows: Mapping[str, Row]

    def provider(self, node: ast.AST, line: int) -> Row | None:
        """The provider that a name stands for, or that an expression is made with."""
        if isinstance(node, _Function):
            return self._defined(node.lineno)
        if isinstance(node, ast.alias):
            around = next(self.module.around(node), None)
            if isinstance(around, ast.ImportFrom):
                return self._imported(around.module or "", around.level, node.name)
            return None
        names = [each for each in ast.walk(node) if isinstance(each, (ast.Name, ast.Attribute))]
        for each in names:
            row = self._of_name(each) or self._used(each, line)
            if row is not None:
                return row
        return None

    def _defined(self, line: int) -> Row | None:
        for provider, now in surveyed(self.project, self.path):
            # mypy counts a definition from its first decorator.
            if now <= line <= now + 10 and self._name(provider.name) in self._at(line):
                return self.rows.get(provider.fullname)
        return None

    def _at(self, line: int) -> set[str]:
        return {
            node.name
            for node in ast.walk(self.module.tree)
            if isinstance(node, _Function) and node.lineno == line
        }

    @staticmethod
    def _name(name: str) -> str:
        return name.rpartition(".")[2]

    def _of_name(self, node: ast.Name | ast.Attribute) -> Row | None:
        """By what a name is imported as, or defined as in the module itself."""
        if not isinstance(node, ast.Name):
            return None
        imported = self.module.imported(node.id)
        if imported is not None:
            return self._imported(*imported)
        own = self.project.report.modules.get(self.project.shown(self.path))
        return self.rows.get(f"{own}.{node.id}") if own is not None else None

    def _imported(self, module: str, level: int, name: str) -> Row | None:
        if level:
            own = self.project.report.modules.get(self.project.shown(self.path), "")
            is_package = self.path.endswith(("__init__.py", "__init__.pyi"))
            parts = own.split(".")[: None if is_package and level == 1 else is_package - level]
            module = ".".join([*parts, *filter(None, [module])])
        return self.rows.get(f"{module}.{name}")

    def _used(self, node: ast.Name | ast.Attribute, line: int) -> Row | None:
        """By the uses that the check has found on the line, of that name or of the only one."""
        seen = self.project.line_seen(self.path, line)
        shown = self.project.shown(self.path)
        name = node.id if isinstance(node, ast.Name) else node.attr
        there = [
            row
            for row in self.rows.values()
            for use in row.uses
            if use.path == shown and use.line == seen
        ]
        named = [row for row in there if self._name(row.provider.name) == name]
        if named:
            return named[0]
        is_called = isinstance(self.module._parents.get(node), ast.Call)  # noqa: SLF001
        return (
            there[0] if len({row.provider.fullname for row in there}) == 1 and is_called else None
        )
