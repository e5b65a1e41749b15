"""A provider that commits once the response was sent: ended before, by ``scope="function"``.

FastAPI keeps one object of a provider for each scope. So all dependencies on the provider change
in one go, or none does.
"""

from __future__ import annotations

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
    if any(map(site.tree.mentioning, _LATER)):
        raise CannotFix("a response or a background task may use the session after the handler")
    draft = Draft(key=("scope", owner.path, function.name.value))
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
        _check_no_generator(site, source, call)
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
            if written(call.func).rpartition(".")[2] not in ("Depends", "Security"):
                continue
            named = [
                each.value
                for number, each in enumerate(call.args)
                if (number == 0 and each.keyword is None)
                or (each.keyword is not None and each.keyword.value == "dependency")
            ]
            if named and site.tree.function(source, named[0]) == (owner, function):
                yield source, call


def _check_no_generator(site: Site, source: SourceFile, call: cst.Call) -> None:
    """Whether no dependency that yields depends on it: that one ends later.

    Raises:
        CannotFix: One does.
    """
    parameter = source.around(call, cst.Param)
    if parameter is not None:
        handler = source.around(parameter, cst.FunctionDef)
        if handler is not None and m.findall(handler.body, m.Yield()):
            raise CannotFix("a dependency that yields depends on it, and ends later")
        return
    assigned = source.around(call, cst.Assign) or source.around(call, cst.AnnAssign)
    if assigned is None:
        return
    targets = (
        [each.target for each in assigned.targets]
        if isinstance(assigned, cst.Assign)
        else [assigned.target]
    )
    for target in targets:
        name = target.value if isinstance(target, cst.Name) else ""
        for other in site.tree.mentioning(name.encode()) if name else ():
            for function in m.findall(other.module, m.FunctionDef()):
                assert isinstance(function, cst.FunctionDef)
                if m.findall(function.params, m.Name(name)) and m.findall(function.body, m.Yield()):
                    raise CannotFix("a dependency that yields depends on it, and ends later")


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
