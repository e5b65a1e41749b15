"""Which functions of the project a call may run, and which of their parameters get an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import libcst as cst
import libcst.matchers as m

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_asyncsession.fixes.editing.source_file import SourceFile
    from mypy_asyncsession.fixes.editing.source_tree import Tree

#: In how many files methods are looked for by their name alone.
_MOST_FILES: Final = 12


@dataclass(frozen=True, slots=True)
class Callee:
    """A function, and the parameter that gets the argument.

    Attributes:
        source: The file.
        function: The function.
        parameter: The name of the parameter.
    """

    source: SourceFile
    function: cst.FunctionDef
    parameter: str


def callees(
    tree: Tree,
    source: SourceFile,
    call: cst.Call,
    wanted: Callable[[cst.BaseExpression], bool],
) -> list[Callee]:
    """The functions that a call may run, for each argument that is wanted.

    Where the method of an object is called whose class is not known, these are all methods of
    that name.
    """
    arguments = [
        (argument.keyword.value if argument.keyword is not None else position)
        for position, argument in enumerate(call.args)
        if not argument.star and wanted(argument.value)
    ]
    if not arguments or any(argument.star for argument in call.args):
        return []
    found = []
    for owner, function, bound in _functions(tree, source, call.func):
        for argument in arguments:
            name = _parameter(function, argument, bound=bound)
            if name is not None:
                found.append(Callee(owner, function, name))
    return found


def methods_around(source: SourceFile, node: cst.CSTNode) -> list[cst.FunctionDef]:
    """The methods of the class in a method of which a node stands."""
    owner = source.around(node, cst.ClassDef)
    return _methods(owner) if owner is not None else []


def _functions(
    tree: Tree, source: SourceFile, called: cst.BaseExpression
) -> Iterator[tuple[SourceFile, cst.FunctionDef, bool]]:
    """The functions that may be run, and whether the first parameter of each is its object."""
    if isinstance(called, cst.Name):
        local = _nested(source, called)
        if local is not None:
            yield source, local, False
            return
    known = tree.function(source, called)
    if known is not None:
        yield *known, False
        return
    made = tree.class_named(source, called)
    if made is not None:
        for method in _methods(made[1]):
            if method.name.value == "__init__":
                yield made[0], method, True
        return
    if isinstance(called, cst.Attribute):
        yield from _named(tree, source, called)


def _nested(source: SourceFile, name: cst.Name) -> cst.FunctionDef | None:
    """The function of that name in the function around it."""
    function = source.function(name)
    if not isinstance(function, cst.FunctionDef):
        return None
    found = m.findall(function.body, m.FunctionDef(name=m.Name(name.value)))
    return next((each for each in found if isinstance(each, cst.FunctionDef)), None)


def _named(
    tree: Tree, source: SourceFile, called: cst.Attribute
) -> Iterator[tuple[SourceFile, cst.FunctionDef, bool]]:
    """The methods that a name may mean: of the class itself, or of any."""
    name = called.attr.value
    if m.matches(called.value, m.Name("self") | m.Name("cls")):
        own = [each for each in methods_around(source, called) if each.name.value == name]
        if own:
            yield from ((source, each, _has_object(each)) for each in own)
            return
    files = tree.mentioning(f"def {name}(".encode(), most=_MOST_FILES)
    for owner in files or ():
        for each in m.findall(owner.module, m.ClassDef()):
            assert isinstance(each, cst.ClassDef)
            for method in _methods(each):
                if method.name.value == name:
                    yield owner, method, _has_object(method)


def _methods(owner: cst.ClassDef) -> list[cst.FunctionDef]:
    return [each for each in owner.body.body if isinstance(each, cst.FunctionDef)]


def _has_object(method: cst.FunctionDef) -> bool:
    return not any(m.matches(each.decorator, m.Name("staticmethod")) for each in method.decorators)


def _parameter(function: cst.FunctionDef, argument: str | int, *, bound: bool) -> str | None:
    params = function.params
    positional = [*params.posonly_params, *params.params]
    if isinstance(argument, str):
        names = {each.name.value for each in (*positional, *params.kwonly_params)}
        return argument if argument in names else None
    place = argument + bound
    return positional[place].name.value if place < len(positional) else None
