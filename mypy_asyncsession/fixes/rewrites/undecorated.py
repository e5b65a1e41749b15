"""``@asynccontextmanager`` taken from a function that nobody enters: FastAPI drives what is left.

It has to be sure that nobody does: all that the project has to say of the function is its
definition, its imports, and that it is depended on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import aliases, module_of, top_level
from mypy_asyncsession.fixes.editing.overrides import overridden
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.engine.injected import check_injected
from mypy_asyncsession.fixes.rewrites.signature import handed_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.editing.source_tree import Tree
    from mypy_asyncsession.fixes.fix import Site

_DEPENDING = ("Depends", "Security")
_MANAGING = ("asynccontextmanager", "contextmanager")


def undecorated(site: Site, named: cst.BaseExpression) -> Draft | None:
    """The decorator taken away, for all that depend on the function; ``None`` if it may be needed.

    Args:
        site: The finding.
        named: What is depended on.
    """
    found = site.tree.at(site.finding.provider)
    if found is None or site.tree.function(site.source, named) != found:
        return None
    owner, function = found
    decorator = _decorator(owner, function)
    if decorator is None or _is_given_more(function) or not _is_only_depended_on(site.tree, found):
        return None
    for source, each in depending(site.tree, found):
        check_injected(site, source, each)
    draft = Draft(key=("undecorated", owner.path, function.name.value))

    def bare(old: cst.CSTNode) -> cst.CSTNode:
        assert isinstance(old, cst.FunctionDef)
        between = [line for line in old.lines_after_decorators if line.comment is not None]
        return old.with_changes(
            decorators=[],
            leading_lines=[*old.leading_lines, *between],
            lines_after_decorators=[],
        )

    draft.change(owner, function, bare)
    spare = decorator.value if isinstance(decorator, cst.Attribute) else decorator
    if isinstance(spare, cst.Name) and site.tree.is_own(owner, spare.value):
        draft.spare.append((owner, spare.value))
    return draft


def _decorator(source: SourceFile, function: cst.FunctionDef) -> cst.BaseExpression | None:
    """The one decorator of a function, if it is of contextlib and has no comment."""
    if len(function.decorators) != 1 or m.findall(function.decorators[0], m.Comment()):
        return None
    found = function.decorators[0].decorator
    name = written(found)
    for line in top_level(source.module.body):
        if isinstance(line, cst.Import):
            for alias in line.names:
                module = alias.evaluated_alias or alias.evaluated_name
                if alias.evaluated_name == "contextlib" and name in _in(module):
                    return found
        elif isinstance(line, cst.ImportFrom) and module_of(line) == "contextlib":
            for alias in aliases(line):
                if alias.evaluated_name in _MANAGING and name == (
                    alias.evaluated_alias or alias.evaluated_name
                ):
                    return found
    return None


def _in(module: str) -> list[str]:
    return [f"{module}.{name}" for name in _MANAGING]


def _is_given_more(function: cst.FunctionDef) -> bool:
    """Whether it has a parameter that FastAPI would take from the request, or cannot fill in."""
    try:
        parameters = handed_on(function)
    except CannotFix:
        return True
    return parameters is not None or bool(function.params.params or function.params.kwonly_params)


def _is_only_depended_on(tree: Tree, found: tuple[SourceFile, cst.FunctionDef]) -> bool:
    owner, function = found
    name = function.name.value
    if tree.is_called(name) or tree.is_mentioned_elsewhere(name):
        return False
    for source in tree.mentioning(name.encode()):
        if source is not owner and tree.function(source, cst.Name(name)) != found:
            if _count(source, name):
                return False
            continue
        known = [function.name] if source is owner else []
        known += _imports(source, name)
        known += [node for node in _dependencies(source) if node.value == name]
        known += [
            key
            for file, key in overridden(tree)
            if file is source and isinstance(key, cst.Name) and key.value == name
        ]
        if len({id(node) for node in known}) != _count(source, name):
            return False
    return True


def depending(
    tree: Tree, found: tuple[SourceFile, cst.FunctionDef]
) -> Iterator[tuple[SourceFile, cst.Name]]:
    """Where a function is depended on by its name."""
    name = found[1].name.value
    for source in tree.mentioning(name.encode()):
        for node in _dependencies(source):
            if node.value == name and tree.function(source, node) == found:
                yield source, node


def _count(source: SourceFile, name: str) -> int:
    """How often a file mentions a name, comments, strings and all."""
    return len(re.findall(rf"\b{re.escape(name)}\b", source.module.code))


def _imports(source: SourceFile, name: str) -> Iterator[cst.Name]:
    for line in top_level(source.module.body):
        for alias in aliases(line) if isinstance(line, cst.ImportFrom) else ():
            if alias.asname is None and m.matches(alias.name, m.Name(name)):
                assert isinstance(alias.name, cst.Name)
                yield alias.name


def _dependencies(source: SourceFile) -> Iterator[cst.Name]:
    """The names that are depended on in a file."""
    for call in m.findall(source.module, m.Call()):
        assert isinstance(call, cst.Call)
        if written(call.func).rpartition(".")[2] not in _DEPENDING:
            continue
        for number, argument in enumerate(call.args):
            keyword = argument.keyword.value if argument.keyword is not None else None
            is_first = number == 0 and keyword is None and not argument.star
            if (is_first or keyword == "dependency") and isinstance(argument.value, cst.Name):
                yield argument.value
