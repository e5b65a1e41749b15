"""A provider that overrides one of another shape: given that shape where nobody needs its own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.definitions import defined_at
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.imports import aliases, module_of, reachable, top_level
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.managers import check_generator
from mypy_asyncsession.fixes.rewrites.shapes import as_generator, decorate
from mypy_asyncsession.semantic.shapes import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

_MAKERS: Final = {
    (Shape.ASYNC_GENERATOR.name, Shape.ASYNC_CONTEXT_MANAGER.name): "asynccontextmanager",
    (Shape.GENERATOR.name, Shape.CONTEXT_MANAGER.name): "contextmanager",
}
_COROUTINE: Final = Shape.COROUTINE.name
_MANAGER: Final = Shape.ASYNC_CONTEXT_MANAGER.name
#: Methods that enter what they are given.
_ENTERING: Final = ("enter_async_context", "enter_context", "enterAsyncContext", "enterContext")
#: Decorators that a method may have beside the one of contextlib, which stands under them.
_BESIDE: Final = frozenset(
    {"abstractmethod", "classmethod", "final", "override", "property", "staticmethod"}
)
_UNDECIDED: Final = "decide which of the two is right"


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "Override"


def _draft(site: Site) -> Draft:
    source, misuse = site.source, site.misuse
    here = misuse.holds[0].shape if misuse.holds else ""
    maker = _MAKERS.get((here, misuse.how))
    if maker is not None:
        check_generator(site)
    elif (here, misuse.how) != (_COROUTINE, _MANAGER):
        raise CannotFix(_UNDECIDED)
    draft = Draft()
    assigned = _attribute(source, site)
    if assigned is not None and maker is not None:
        provider = _provider(assigned)
        text, imported = reachable(source, "contextlib", maker)
        draft.need(source, imported)
        draft.key = ("overriding", source.path, id(assigned))
        draft.replace(source, provider, cst.Call(cst.parse_expression(text), [cst.Arg(provider)]))
        _check_users(site, source, _class_around(source, assigned))
        return draft
    owner, method = _method(site)
    _check_users(site, owner, _class_around(owner, method))
    draft.key = ("overriding", owner.path, id(method))
    if maker is None:
        if len(misuse.holds) < 2 or not misuse.holds[1].resource:
            raise CannotFix(_UNDECIDED)
        as_generator(draft, owner, method, managed=True)
    else:
        decorate(draft, owner, method, maker)
    return draft


def _attribute(source: SourceFile, site: Site) -> cst.Assign | cst.AnnAssign | None:
    """``provider = get_db`` in the body of a class, if that is what overrides."""
    for node in source.on_lines(site.finding.span.line, site.finding.span.line):
        if (
            isinstance(node, (cst.Assign, cst.AnnAssign))
            and source.function(node) is None
            and source.around(node, cst.ClassDef) is not None
        ):
            return node
    return None


def _provider(assigned: cst.Assign | cst.AnnAssign) -> cst.BaseExpression:
    """The function that is assigned, a ``staticmethod`` around it aside."""
    value = assigned.value
    if isinstance(value, cst.Call) and written(value.func) == "staticmethod" and value.args:
        value = value.args[0].value
    if not isinstance(value, (cst.Name, cst.Attribute)):
        raise CannotFix(_UNDECIDED)
    return value


def _method(site: Site) -> tuple[SourceFile, cst.FunctionDef]:
    """The method that overrides.

    Raises:
        CannotFix: It is none of a class at the top level of a module that may be edited.
    """
    found = defined_at(site.tree, site.finding.provider)
    if found is None or found[0].around(found[1], cst.ClassDef) is None:
        raise CannotFix(_UNDECIDED)
    name = found[1].name.value
    for decorator in found[1].decorators:
        if written(decorator.decorator).rpartition(".")[2] not in _BESIDE:
            raise CannotFix(f'"{name}" is decorated')
    return found


def _class_around(source: SourceFile, node: cst.CSTNode) -> cst.ClassDef:
    found = source.around(node, cst.ClassDef)
    if found is None:
        raise CannotFix(_UNDECIDED)
    return found


def _check_users(site: Site, owner: SourceFile, around: cst.ClassDef) -> None:
    """Whether all who may have an object of the class enter what the method gives.

    Raises:
        CannotFix: Somebody iterates over it, awaits it, or hands the method on.
    """
    name = site.misuse.text
    for path, text in site.tree.around(around.name.value).items():
        if name.encode() in text:
            raise CannotFix(f'"{path}" may use it, and is not among the files to fix')
    for source in _in_reach(site, owner, around.name.value):
        for found in m.findall(source.module, m.Attribute(attr=m.Name(name))):
            assert isinstance(found, cst.Attribute)
            if _is_used_otherwise(source, found):
                raise CannotFix(
                    f'"{source.path}" uses "{name}" in a way that needs the shape that it has'
                )


def _in_reach(site: Site, owner: SourceFile, name: str) -> Iterator[SourceFile]:
    """The files that name a class, and those that these import from."""
    tree = site.tree
    meant, word = (tree.module(owner), name), re.compile(rb"\.\s*" + name.encode() + rb"\b")
    naming = [
        each
        for each in tree.mentioning(name.encode())
        if each is owner or tree.origin(each, cst.Name(name)) == meant or word.search(each.content)
    ]
    seen: set[str] = set()
    for source in naming:
        imported = [
            tree.named(module, source)
            for line in top_level(source.module.body)
            for module in _modules(site, source, line)
        ]
        for each in (source, *imported):
            if each is not None and each.path not in seen:
                seen.add(each.path)
                yield each


def _modules(site: Site, source: SourceFile, line: cst.BaseSmallStatement) -> Iterator[str]:
    if isinstance(line, cst.Import):
        yield from (alias.evaluated_name for alias in line.names)
    elif isinstance(line, cst.ImportFrom):
        module = site.tree.absolute(source, module_of(line))
        yield module
        yield from (f"{module}.{alias.evaluated_name}" for alias in aliases(line))


def _is_used_otherwise(source: SourceFile, found: cst.Attribute) -> bool:
    """Whether a method of that name is used in another way than to enter what it gives."""
    call = source.parent(found)
    if not isinstance(call, cst.Call) or call.func is not found:
        # Handed on, to be called by others: an attribute of that name that is set or read is not.
        return isinstance(call, cst.Arg)
    around = source.parent(call)
    if isinstance(around, cst.Arg):
        outer = source.parent(around)
        return not (
            isinstance(outer, cst.Call) and written(outer.func).rpartition(".")[2] in _ENTERING
        )
    return not isinstance(around, (cst.WithItem, cst.Expr))


FIX = Fix(
    summary="a provider that overrides a context manager: decorated, where everybody enters it",
    fits=_fits,
    draft=_draft,
)
