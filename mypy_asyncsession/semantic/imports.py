"""What a module imports, whether it is there or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import CallExpr, Import, ImportAll, ImportFrom, StrExpr

from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.index import ModuleIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy.nodes import MypyFile

#: The functions that take the full name of what they put something in the place of.
NAMING: Final = frozenset({"multiple", "patch", "setattr"})


def package_of(module: str, relative: int, *, is_package: bool) -> str:
    """The package that a relative import with *relative* dots starts from."""
    parts = module.split(".")
    drop = relative - 1 if is_package else relative
    return ".".join(parts[: len(parts) - drop]) if drop else module


def source_of(statement: ImportFrom | ImportAll, module: str, *, is_package: bool) -> str:
    """The full name of the module that a ``from`` import names."""
    if not statement.relative:
        return statement.id
    start = package_of(module, statement.relative, is_package=is_package)
    return f"{start}.{statement.id}" if statement.id else start


def imported(tree: MypyFile) -> set[str]:
    """The full names of the modules that *tree* imports, the packages around them included.

    A name in ``from a import b`` counts as the module ``a.b`` too: it may be one, or become one.
    """
    return {
        ".".join(parts[:length])
        for name in _names(tree)
        for parts in [name.split(".")]
        for length in range(1, len(parts) + 1)
    }


def _names(tree: MypyFile) -> Iterator[str]:
    for statement in tree.imports:
        if isinstance(statement, Import):
            yield from (name for name, _ in statement.ids)
        elif isinstance(statement, (ImportFrom, ImportAll)):
            base = source_of(statement, tree.fullname, is_package=tree.is_package_init_file())
            yield base
            if isinstance(statement, ImportFrom):
                yield from (f"{base}.{name}" for name, _ in statement.names)


def reachable(tree: MypyFile) -> tuple[set[str], set[str]]:
    """What the names of a module lead into directly, by full names.

    Returns:
        The modules whose names it takes, and the modules that it has as objects: from these, what
        is in the packages that they are can be got at without another import.
    """
    modules: set[str] = set()
    objects: set[str] = set()
    for statement in tree.imports:
        if isinstance(statement, Import):
            # ``import a.b`` binds ``a``.
            objects.update(
                name if alias else name.partition(".")[0] for name, alias in statement.ids
            )
            modules.update(name for name, _ in statement.ids)
        elif isinstance(statement, (ImportFrom, ImportAll)):
            base = source_of(statement, tree.fullname, is_package=tree.is_package_init_file())
            modules.add(base)
            if isinstance(statement, ImportFrom):
                objects.update(f"{base}.{name}" for name, _ in statement.names)
            else:
                objects.add(base)
    return modules, objects


def named(tree: MypyFile) -> set[str]:
    """What a module names in strings that may be a module: ``patch("app.db.get_db")``.

    Returns:
        The full names, and those of the packages around them.
    """
    names = {
        call.args[0].value
        for call in ModuleIndex(tree).of_kind(CallExpr)
        if call.args and isinstance(call.args[0], StrExpr) and last_name(call.callee) in NAMING
    }
    return {
        ".".join(parts[:length])
        for name in names
        for parts in [name.split(".")]
        for length in range(1, len(parts) + 1)
    }
