"""A dependency that enters what FastAPI does not enter, written beside it and used instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst
import libcst.matchers as m

from mypy_asyncsession.fixes.cannot_fix import CannotFix
from mypy_asyncsession.fixes.editing.draft import Change
from mypy_asyncsession.fixes.editing.imports import Import, bound_names, reachable
from mypy_asyncsession.fixes.editing.overrides import DEPENDING, check_seen, overridden, repoint
from mypy_asyncsession.fixes.editing.source_file import written
from mypy_asyncsession.fixes.rewrites.dependency_places import (
    below,
    blank_lines,
    definition_of,
    documented,
    injected,
    is_annotated,
    is_local,
    returning,
    root_name,
    snake_case,
    top_statement,
)
from mypy_asyncsession.fixes.rewrites.signature import annotation, arguments, handed_on
from mypy_asyncsession.semantic.shapes import Can

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_asyncsession.findings import Held
    from mypy_asyncsession.fixes.editing.draft import Draft
    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.fix import Site
    from mypy_asyncsession.fixes.rewrites.dependency_places import Statement


def entering(
    site: Site,
    draft: Draft,
    provider: cst.BaseExpression,
    holds: Sequence[Held],
    *,
    decorated: bool = False,
    awaited: bool = False,
    wrapped: bool = False,
) -> cst.BaseExpression:
    """What to depend on: a generator that enters what a call of *provider* gives.

    Args:
        site: The finding.
        draft: Where the new function goes.
        provider: The function, as the file of the finding names it.
        holds: What a call of it gives.
        decorated: Whether it may be a function that ``contextmanager`` decorates, so that the
            new one belongs beside it.
        awaited: Whether what it gives is to be awaited.
        wrapped: Whether it is a generator, to be made a context manager of.

    Raises:
        CannotFix: There is no place for such a function, or it would not do the same.
    """
    can = Can(holds[0].can) if holds else Can.ASYNC_ENTER
    if awaited:
        can = Can.ASYNC_ENTER
    if wrapped:
        can = Can.ASYNC_ENTER if can & Can.ASYNC_ITERATE else Can.ENTER
    if not can & (Can.ASYNC_ENTER | Can.ENTER):
        raise CannotFix("there is nothing in it to enter")
    maker = _Maker(
        site,
        draft,
        is_async=bool(can & Can.ASYNC_ENTER) or awaited,
        value="session" if any(held.resource for held in holds) else "value",
        awaited=awaited,
        depending=(*DEPENDING, *_helper(site, provider)),
    )
    if decorated:
        found = site.tree.at(site.finding.provider)
        if found is not None and site.tree.function(site.source, provider) == found:
            return maker.beside_provider(provider, *found)
    defined = definition_of(site, provider)
    if defined is not None:
        new = maker.beside_definition(provider, *defined, wrapped=wrapped)
        if new is not None:
            return new
    return maker.beside_use(provider, wrapped=wrapped)


def _helper(site: Site, provider: cst.BaseExpression) -> list[str]:
    """The function of the project's own that is called to depend on *provider*, if one is."""
    argument = site.source.parent(provider) if provider in site.source else None
    call = site.source.parent(argument) if isinstance(argument, cst.Arg) else None
    return [written(call.func).rpartition(".")[2]] if isinstance(call, cst.Call) else []


class _Maker:
    """Makes one such function."""

    def __init__(
        self,
        site: Site,
        draft: Draft,
        *,
        is_async: bool,
        value: str,
        awaited: bool,
        depending: Sequence[str],
    ) -> None:
        self._site = site
        self._draft = draft
        self._async = is_async
        self._value = value
        self._awaited = awaited
        self._depending = depending

    def beside_provider(
        self, named: cst.BaseExpression, owner: SourceFile, function: cst.FunctionDef
    ) -> cst.BaseExpression:
        """Below the context manager function, for all files that depend on it."""
        parameters = handed_on(function)
        given = arguments(parameters)
        text = f"{function.name.value}({given})"
        name, exists = self._name(owner, function.name.value, text, parameters)
        if not exists:
            returns = annotation(function)
            new = self._function(owner, name, text, parameters, returns)
            if function.get_docstring() is not None:
                new = documented(new, function.name.value)
            blank = [
                cst.EmptyLine(indent=False, whitespace=cst.SimpleWhitespace(""))
            ] * blank_lines(function)

            def followed(old: cst.CSTNode) -> cst.FlattenSentinel[cst.CSTNode]:
                return cst.FlattenSentinel([old, new.with_changes(leading_lines=blank)])

            key = ("dependency", owner.path, name, text)
            self._draft.shared[key] = Change(owner, function, followed)
        self._repoint_overrides(owner, function, name)
        return self._named(self._site.source, named, owner, name)

    def beside_definition(
        self,
        named: cst.BaseExpression,
        owner: SourceFile,
        definition: Statement,
        provider: str,
        *,
        wrapped: bool,
    ) -> cst.BaseExpression | None:
        """Below the definition, for all files that depend on it; ``None`` if it cannot be there."""
        returns = self._of_parameter_in(owner, named)
        if returns is None or wrapped:
            return None
        text = f"{provider}()"
        name, exists = self._name(owner, provider, text)
        new = self._named(self._site.source, named, owner, name)
        if not exists:
            annotation, imports = returns
            for wanted in imports:
                self._draft.need(owner, wanted)
            function = self._function(owner, name, text, None, annotation)
            key = ("dependency", owner.path, name, text)
            self._draft.shared[key] = below(owner, definition, function)
        self._repoint_overrides_of(owner, provider, name)
        return new

    def _of_parameter_in(
        self, owner: SourceFile, named: cst.BaseExpression
    ) -> tuple[cst.Annotation, list[Import]] | None:
        """``AsyncIterator[T]`` in the file of the provider, and what that has to import for it."""
        tree, found = self._site.tree, self._injected(named)
        if found is None or not isinstance(found[1], cst.Name):
            return None
        name = found[1].value
        imports: list[Import] = []
        mine, theirs = tree.imported(found[0], name), tree.imported(owner, name)
        if mine is None:
            return None
        if theirs is None or (theirs[0], theirs[2]) != (mine[0], mine[2]):
            if name in bound_names(owner) or name != mine[2]:
                return None
            imports.append(Import(mine[0], mine[2]))
        written_as, wanted = self._iterator(owner)
        imports += [wanted] if wanted is not None else []
        return returning(f"{written_as}[{name}]"), imports

    def beside_use(self, named: cst.BaseExpression, *, wrapped: bool = False) -> cst.BaseExpression:
        """Above the first statement that depends on it, in the same file."""
        source = self._site.source
        statement = top_statement(source, named)
        root = root_name(named)
        if root is None or is_local(source, named, root):
            raise CannotFix("it is not known at the top level of the module")
        text = f"{source.code(named)}()"
        if wrapped:
            name = "asynccontextmanager" if self._async else "contextmanager"
            made_by, imported = reachable(source, "contextlib", name)
            self._draft.need(source, imported)
            text = f"{made_by}({source.code(named)})()"
        name, exists = self._name(source, written(named).replace(".", "_"), text)
        if not exists:
            new = self._function(source, name, text, None, self._of_parameter(named))

            def preceded(old: cst.CSTNode) -> cst.FlattenSentinel[cst.CSTNode]:
                assert isinstance(old, (cst.SimpleStatementLine, cst.BaseCompoundStatement))
                lines = list(old.leading_lines)
                blank = []
                while lines and lines[0].comment is None:
                    blank.append(lines.pop(0))
                empty = cst.EmptyLine(indent=False, whitespace=cst.SimpleWhitespace(""))
                first = new.with_changes(leading_lines=blank or [empty, empty])
                return cst.FlattenSentinel(
                    [first, old.with_changes(leading_lines=[empty, empty, *lines])]
                )

            key = ("dependency", source.path, name, text)
            self._draft.shared[key] = Change(source, statement, preceded)
        self._repoint_overrides_here(named, name)
        return cst.Name(name)

    def _function(
        self,
        source: SourceFile,
        name: str,
        call: str,
        parameters: cst.Parameters | None,
        returns: cst.Annotation | None,
    ) -> cst.FunctionDef:
        new = cst.parse_statement(self._text(name, call), config=source.module.config_for_parsing)
        assert isinstance(new, cst.FunctionDef)
        if parameters is not None:
            new = new.with_changes(params=parameters)
        return new.with_changes(returns=returns)

    def _text(self, name: str, call: str) -> str:
        prefix = "async " if self._async else ""
        awaited = "await " if self._awaited else ""
        return (
            f"{prefix}def {name}():\n"
            f"    {prefix}with {awaited}{call} as {self._value}:\n"
            f"        yield {self._value}\n"
        )

    def _name(
        self,
        source: SourceFile,
        provider: str,
        call: str,
        parameters: cst.Parameters | None = None,
    ) -> tuple[str, bool]:
        """The name of the function, and whether it is there already."""
        for each in source.module.body:
            if isinstance(each, cst.FunctionDef) and self._does_so(source, each, call, parameters):
                return each.name.value, True
        base = f"{snake_case(provider)}_dependency"
        taken = bound_names(source)
        number = 1
        while True:
            name = base if number == 1 else f"{base}_{number}"
            if name not in taken:
                return name, False
            number += 1

    def _does_so(
        self,
        source: SourceFile,
        function: cst.FunctionDef,
        call: str,
        parameters: cst.Parameters | None,
    ) -> bool:
        """Whether a function of the project's own does what the new one would do."""
        wanted = source.code(parameters) if parameters is not None else ""
        if function.decorators or source.code(function.params) != wanted:
            return False
        if source is self._site.source and source.line(function) > self._site.finding.span.line:
            return False  # it is not there yet when a default is evaluated
        body = list(function.body.body)
        if function.get_docstring() is not None:
            body.pop(0)
        block = body[0] if len(body) == 1 else None
        if not isinstance(block, cst.With) or len(block.items) != 1:
            return False
        item, name = block.items[0], block.items[0].asname
        if name is None or not isinstance(name.name, cst.Name):
            return False
        awaited = "await " if self._awaited else ""
        yielding = m.SimpleStatementLine([m.Expr(m.Yield(m.Name(name.name.value)))])
        return (
            bool(function.asynchronous) is self._async
            and bool(block.asynchronous) is self._async
            and source.code(item.item) == awaited + call
            and len(block.body.body) == 1
            and m.matches(block.body.body[0], yielding)
        )

    def _injected(self, named: cst.BaseExpression) -> tuple[SourceFile, cst.BaseExpression] | None:
        """What is injected, where a parameter or an alias says so: here, or else anywhere."""
        source, tree = self._site.source, self._site.tree
        here = injected(source, named)
        if here is not None:
            return source, here
        name, origin = written(named).rpartition(".")[2], tree.origin(source, named)
        for file in tree.mentioning(name.encode()):
            for other in m.findall(file.module, m.Name(name)):
                assert isinstance(other, cst.Name)
                if isinstance(file.parent(other), cst.Arg) and tree.origin(file, other) == origin:
                    elsewhere = injected(file, other)
                    if elsewhere is not None:
                        return file, elsewhere
        return None

    def _iterator(self, source: SourceFile) -> tuple[str, Import | None]:
        """How a file says what a generator function returns, and what it imports to say so."""
        name = "AsyncIterator" if self._async else "Iterator"
        written_as, imported = reachable(source, "typing", name)
        if imported is None:
            return written_as, None
        return reachable(source, "collections.abc", name)

    def _of_parameter(self, named: cst.BaseExpression) -> cst.Annotation | None:
        """``AsyncIterator[T]``, or of anything where the file is annotated and nobody says of what.

        A dependency that nobody is given may yield anything.
        """
        source = self._site.source
        found = self._injected(named)
        here = found[1] if found is not None and found[0] is source else None
        if here is None and not is_annotated(source):
            return None
        written_as, imported = self._iterator(source)
        self._draft.need(source, imported)
        return returning(f"{written_as}[{source.code(here) if here else 'object'}]")

    def _named(
        self, source: SourceFile, named: cst.BaseExpression, owner: SourceFile, name: str
    ) -> cst.BaseExpression:
        """What a file calls the new function, in the way that it calls the provider."""
        tree = self._site.tree
        module = tree.module(owner)
        if source is owner:
            return cst.Name(name)
        if isinstance(named, cst.Attribute) and tree.module_named(source, named.value) == module:
            return named.with_changes(attr=cst.Name(name))
        if name in bound_names(source):
            found = tree.imported(source, name)
            if found is None or found[0] != module:
                raise CannotFix(f'"{name}" means something else in "{source.path}"')
        text = module
        if isinstance(named, cst.Name):
            imported = tree.imported(source, named.value)
            if imported is not None and imported[0] == module:
                text = imported[1]
        self._draft.need(source, Import(text, name))
        return cst.Name(name)

    def _repoint_overrides(self, owner: SourceFile, function: cst.FunctionDef, name: str) -> None:
        """``app.dependency_overrides[provider]``, in tests mostly, has to name the new one."""
        check_seen(self._site.tree, owner, function.name, self._depending)
        for source, key in overridden(self._site.tree):
            if self._site.tree.function(source, key) == (owner, function):
                new = self._named(source, key, owner, name)
                repoint(self._draft, source, key, new)

    def _repoint_overrides_of(self, owner: SourceFile, provider: str, name: str) -> None:
        """The same for a provider that is no function."""
        tree = self._site.tree
        check_seen(tree, owner, cst.Name(provider), self._depending)
        for source, key in overridden(tree):
            if tree.origin(source, key) == (tree.module(owner), provider):
                repoint(self._draft, source, key, self._named(source, key, owner, name))

    def _repoint_overrides_here(self, named: cst.BaseExpression, name: str) -> None:
        """The same for what only this file has a new dependency for.

        Raises:
            CannotFix: Another file overrides something of that name.
        """
        check_seen(self._site.tree, self._site.source, named, self._depending)
        for source, key in overridden(self._site.tree):
            if written(key).rpartition(".")[2] != written(named).rpartition(".")[2]:
                continue
            if source is not self._site.source or written(key) != written(named):
                raise CannotFix(f'"{source.path}" overrides it')
            repoint(self._draft, source, key, cst.Name(name))
