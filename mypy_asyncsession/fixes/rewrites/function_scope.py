"""A provider that commits once the response was sent: ended before, by ``scope="function"``.

FastAPI keeps one object of a provider for each scope. So all dependencies on the provider change
in one go, or none does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Draft
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.fix import Fix, Site
from mypy_asyncsession.fixes.rewrites.depends import dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.findings import Finding, Misuse
    from mypy_asyncsession.fixes.editing.source_file import SourceFile

#: What may use a session once the handler has returned.
_LATER: Final = (b"BackgroundTask", b"EventSourceResponse", b"StreamingResponse", b"add_task")

_DEPENDS: Final = ("Depends", "Security")


def _fits(_finding: Finding, misuse: Misuse) -> bool:
    return misuse.record == "LateCommit"


def _draft(site: Site) -> Draft:
    if site.misuse.how != "FUNCTION_SCOPE":
        raise CannotFix("decide where to commit instead")
    dependency(site)
    found = site.tree.at(site.finding.provider)
    if found is None:
        raise CannotFix("who else depends on it is not known")
    owner, function = found
    key = ("scope", owner.path, function.name.value)
    return site.tree.once(key, lambda: _of_provider(site, Draft(key), owner, function))


def _of_provider(site: Site, draft: Draft, owner: SourceFile, function: cst.FunctionDef) -> Draft:
    """What is to be done for all that depend on a provider, whichever finding asks."""
    if any(map(site.tree.mentioning, _LATER)):
        raise CannotFix("a response or a background task may use the session after the handler")
    _check_around(site, function.name.value)
    _check_no_generator(site, owner, function.name.value)
    for source, call in _dependents(site, owner, function):
        keyword = next(
            (each for each in call.args if each.keyword and each.keyword.value == "scope"), None
        )
        if keyword is not None:
            if not m.matches(
                keyword.value, m.SimpleString('"function"') | m.SimpleString("'function'")
            ):
                raise CannotFix("another dependency on it says another scope")
            continue
        if written(call.func).rpartition(".")[2] != "Depends":
            raise CannotFix('"Security" has no such scope')
        draft.replace(source, call, _scoped(call))
    return draft


def _dependents(
    site: Site, owner: SourceFile, function: cst.FunctionDef
) -> Iterator[tuple[SourceFile, cst.Call]]:
    """All calls of ``Depends`` and ``Security`` on a provider."""
    word = function.name.value.encode()
    for source in site.tree.mentioning(word):
        for string in m.findall(source.module, m.SimpleString()):
            assert isinstance(string, cst.SimpleString)
            if "Depends(" in string.value and function.name.value in string.value:
                raise CannotFix("it stands in a quoted annotation")
        for call in m.findall(source.module, m.Call()):
            assert isinstance(call, cst.Call)
            if written(call.func).rpartition(".")[2] not in _DEPENDS:
                continue
            named = [
                each.value
                for number, each in enumerate(call.args)
                if (number == 0 and each.keyword is None)
                or (each.keyword is not None and each.keyword.value == "dependency")
            ]
            if named and site.tree.function(source, named[0]) == (owner, function):
                yield source, call


def _check_around(site: Site, provider: str) -> None:
    """Whether no file that is not among those to fix depends on a provider, perhaps with others.

    Raises:
        CannotFix: One does.
    """
    depends = rb"\b(?:Depends|Security)\s*\(\s*(?:dependency\s*=\s*)?(?:\w+\s*\.\s*)*"
    pattern = re.compile(depends + provider.encode() + rb"\b")
    for path, text in site.tree.around(provider).items():
        if pattern.search(text):
            raise CannotFix(f'"{path}" depends on it as well, and is not among the files to fix')


def _check_no_generator(site: Site, owner: SourceFile, provider: str) -> None:
    """Whether no dependency that yields gets what a provider gives, through others or not.

    FastAPI ends it once the response was sent, when the provider has ended long since.

    Raises:
        CannotFix: One may get it.
    """
    named = [(site.tree.module(owner), provider)]
    seen: set[tuple[str, str]] = set()
    while named:
        what = named.pop()
        if what in seen:
            continue
        seen.add(what)
        for source in site.tree.mentioning(what[1].encode()):
            for found in m.findall(source.module, m.Name(what[1])):
                around = source.parent(found)
                whole = around if m.matches(around, m.Attribute(attr=m.Name(what[1]))) else found
                assert isinstance(whole, cst.BaseExpression)
                holder = _holder(source, whole)
                if holder is None or site.tree.origin(source, whole) != what:
                    continue
                if isinstance(holder, cst.FunctionDef) and m.findall(holder.body, m.Yield()):
                    raise CannotFix("a dependency that yields depends on it, and ends later")
                module = site.tree.module(source)
                named += [(module, name) for name in _names(source, holder)]


def _holder(
    source: SourceFile, name: cst.BaseExpression
) -> cst.FunctionDef | cst.ClassDef | cst.Name | None:
    """What depends on what is named: a function, a class by one of its fields, or an alias."""
    statement: cst.Assign | cst.AnnAssign | None = None
    for each in source.ancestors(name):
        if isinstance(each, cst.Parameters):
            function = source.parent(each)
            return function if isinstance(function, cst.FunctionDef) else None
        if isinstance(each, cst.FunctionDef):
            return None
        if isinstance(each, (cst.Assign, cst.AnnAssign)):
            statement = each
        if isinstance(each, cst.ClassDef):
            return each if statement is not None else None
    if statement is None or not _is_dependency(statement):
        return None
    targets = _targets(statement)
    return next((each for each in targets if isinstance(each, cst.Name)), None)


def _is_dependency(statement: cst.Assign | cst.AnnAssign) -> bool:
    """Whether a statement gives another name to a dependency, or to a type that holds one."""
    value = statement.value
    if isinstance(value, cst.Call):
        return written(value.func).rpartition(".")[2] in _DEPENDS
    return isinstance(value, (cst.Attribute, cst.Name, cst.Subscript))


def _targets(statement: cst.Assign | cst.AnnAssign) -> list[cst.BaseExpression]:
    if isinstance(statement, cst.AnnAssign):
        return [statement.target]
    return [each.target for each in statement.targets]


def _names(
    source: SourceFile, holder: cst.FunctionDef | cst.ClassDef | cst.Name | None
) -> Iterator[str]:
    """By which names others depend on it: also on what makes it, or has it as a method."""
    if isinstance(holder, cst.Name):
        yield holder.value
    elif holder is not None:
        for each in (holder, *source.ancestors(holder)):
            if isinstance(each, (cst.ClassDef, cst.FunctionDef)):
                yield each.name.value


def _scoped(call: cst.Call) -> cst.Call:
    last = call.args[-1]
    scope = cst.Arg(
        cst.SimpleString('"function"'),
        keyword=cst.Name("scope"),
        equal=cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace("")),
    )
    return call.with_changes(
        args=[*call.args[:-1], last.with_changes(comma=cst.MaybeSentinel.DEFAULT), scope]
    )


FIX = Fix(
    summary='"Depends" on a provider that commits once the response was sent: "scope"',
    fits=_fits,
    draft=_draft,
)
