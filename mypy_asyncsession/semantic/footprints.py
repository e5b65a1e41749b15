"""What of a function's text its summary depends on, for the facts of its module.

A summary costs a control-flow graph, and most functions are never asked for theirs. This is the
skeleton that it is made of: what is awaited, with which names, what these names are bound to, and,
where a session may be committed or rolled back, how control passes between. An edit of anything
else leaves it as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy.nodes import (
    AssignmentStmt,
    AwaitExpr,
    BytesExpr,
    CallExpr,
    ComparisonExpr,
    DictExpr,
    Expression,
    FloatExpr,
    FuncDef,
    IndexExpr,
    IntExpr,
    ListComprehension,
    ListExpr,
    MemberExpr,
    NameExpr,
    ReturnStmt,
    SetComprehension,
    SetExpr,
    StrExpr,
    SuperExpr,
    TupleExpr,
    UnaryExpr,
    WithStmt,
)
from mypy.types import RawExpressionType, UnboundType

from mypy_asyncsession.models.sqlalchemy import CONNECTING_ATTRIBUTES
from mypy_asyncsession.semantic.call_sites import last_name
from mypy_asyncsession.semantic.cfg.attempts import attempt_of
from mypy_asyncsession.semantic.cfg.conditions import steers
from mypy_asyncsession.semantic.syntax import dotted, walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy.nodes import Node

    from mypy_asyncsession.semantic.bound_names import Binding
    from mypy_asyncsession.semantic.index import Contents
    from mypy_asyncsession.semantic.module_source import ModuleSource

#: The methods after which an order counts.
_ENDING: Final = frozenset({"aclose", "begin", "begin_nested", "close", "commit", "rollback"})
#: The expressions that make a new object of no interest.
_PLAIN: Final = frozenset(
    {
        BytesExpr,
        ComparisonExpr,
        FloatExpr,
        IntExpr,
        ListComprehension,
        SetComprehension,
        StrExpr,
        UnaryExpr,
    }
)
#: What names the class whose instances are loaded.
_LOADING: Final = frozenset({"get", "get_one", "select"})
_TOLD: Final = frozenset({"cls", "expire_on_commit", None})


def footprint(function: FuncDef, found: Contents) -> str:
    """The skeleton of an asynchronous function; empty where it awaits and enters nothing."""
    if not function.is_coroutine:
        return ""
    if AwaitExpr not in found.kinds and not any(node.is_async for node in found.of_kind(WithStmt)):
        return ""
    ends = not found.words.isdisjoint(_ENDING) and any(
        node.name in _ENDING for node in found.of_kind(MemberExpr)
    )
    return ";".join(_parts(found.nodes, ends=ends))


def _parts(nodes: Sequence[Node], *, ends: bool) -> Iterator[str]:
    inside: set[int] = set()
    for node in nodes:
        if isinstance(node, AwaitExpr):
            inside.update(id(each) for each in walk(node) if isinstance(each, CallExpr))
            if not isinstance(node.expr, CallExpr):
                yield f"await {_text(node.expr)}"
        elif isinstance(node, CallExpr):
            if id(node) in inside:
                yield _text(node)
        elif isinstance(node, WithStmt):
            items = zip(node.expr, node.target, strict=True)
            yield f"with {[(_text(each), target and _text(target)) for each, target in items]}"
        elif isinstance(node, AssignmentStmt):
            yield f"{[_text(each) for each in node.lvalues]}={_text(node.rvalue)}"
        elif isinstance(node, FuncDef):
            yield f"def {node.name}"
        elif ends and steers(node):
            yield type(node).__name__
            attempt = attempt_of(node)
            if attempt is not None:
                yield f"{[each.caught and _text(each.caught) for each in attempt.handlers]}"
        if isinstance(node, ReturnStmt) and node.expr is not None:
            yield f"return {_text(node.expr)}"


def _text(node: Expression) -> str:
    """An expression by its names: what is a literal, or computed, is left out."""
    if isinstance(node, AwaitExpr):
        return f"await {_text(node.expr)}"
    if isinstance(node, CallExpr):
        given = [
            f"{name}={_text(each)}" if name else _text(each)
            for each, name in zip(node.args, node.arg_names, strict=True)
        ]
        return f"{_text(node.callee)}({','.join(given)})"
    if isinstance(node, ListComprehension):
        made = node.generator
        steps = zip(made.indices, made.sequences, strict=True)
        gone = [f"{_text(index)} in {_text(each)}" for index, each in steps]
        return f"[{_text(made.left_expr)} for {gone}]"
    if isinstance(node, MemberExpr) and not isinstance(node.expr, NameExpr):
        return f"{_text(node.expr)}.{node.name}"
    return dotted(node) or "_"


def initialised(found: Contents) -> str:
    """What an ``__init__`` puts into attributes as it is given it, or makes of it."""
    return ";".join(
        f"{[_text(each) for each in node.lvalues]}={_text(node.rvalue)}"
        if isinstance(node, AssignmentStmt)
        else _text(node)
        for node in found.nodes
        if (
            isinstance(node, AssignmentStmt)
            and isinstance(node.rvalue, (CallExpr, NameExpr))
            and any(isinstance(target, MemberExpr) for target in node.lvalues)
        )
        or (isinstance(node, CallExpr) and isinstance(node.callee, SuperExpr) and node.args)
    )


def given_back(found: Contents) -> str:
    """What a property returns."""
    return ";".join(_text(each) for each in found.returned)


def loads(function: FuncDef, found: Contents) -> str:
    """What a function asks for that returns what it has loaded, loader options included."""
    if not function.is_coroutine or not found.returned or found.words.isdisjoint(_LOADING):
        return ""
    return ";".join(
        f"{_text(node)}{[each.value for each in walk(node) if isinstance(each, StrExpr)]}"
        for node in found.nodes
        if isinstance(node, CallExpr)
    )


def made(binding: Binding) -> str | None:
    """What a name is bound to is told: a sessionmaker of commits, a base of its class."""
    return told(binding.node) if binding.kind == "assign" else None


def told(call: Node | None) -> str | None:
    """What a call that makes a sessionmaker or a base is told; ``None`` for another expression."""
    if not isinstance(call, CallExpr):
        return None
    callee = call.callee
    if not isinstance(callee, (MemberExpr, NameExpr)) or not callee.name.endswith(
        ("declarative_base", "sessionmaker")
    ):
        return None
    given = zip(call.arg_names, call.args, strict=True)
    return str([(name, dotted(each)) for name, each in given if name in _TOLD])


def configured(source: ModuleSource) -> set[str]:
    """The names of the sessionmakers that a module tells later what their commits do."""
    return {
        name
        for site in source.calls("configure")
        if isinstance(site.call.callee, MemberExpr)
        and (name := last_name(site.call.callee.expr)) is not None
        and not _TOLD.isdisjoint(site.call.arg_names)
    }


def is_plain(node: Node | None) -> bool:
    """Whether an expression surely is no provider, and holds none, whatever its names mean."""
    if type(node) in _PLAIN:
        return True
    if isinstance(node, (ListExpr, SetExpr, TupleExpr)):
        return all(map(is_plain, node.items))
    if isinstance(node, DictExpr):
        return all(is_plain(value) for _, value in node.items)
    return isinstance(node, NameExpr) and node.name in ("False", "None", "True")


def depends(binding: Binding) -> str | None:
    """What an alias says besides its type: ``Annotated[AsyncSession, Depends(get_db)]``."""
    index = binding.node
    if binding.kind != "assign" or not isinstance(index, IndexExpr):
        return None
    items = index.index.items if isinstance(index.index, TupleExpr) else []
    told = [_text(each) for each in items[1:] if isinstance(each, CallExpr)]
    return ";".join([_text(items[0]), *told]) if told else None


def injected(function: FuncDef, contents: Contents, source: ModuleSource) -> str:
    """What FastAPI is told to give to the parameters of a function, defaults and annotations."""
    found: list[str] = []
    for argument in function.arguments:
        if isinstance(argument.initializer, CallExpr):
            found.append(f"{argument.variable.name}={_text(argument.initializer)}")
        annotation = argument.type_annotation
        if not isinstance(annotation, UnboundType):
            continue
        if any(isinstance(each, RawExpressionType) for each in annotation.args):
            # mypy keeps no expressions in annotations, only where they stand.
            found.append(source.text(annotation.line, annotation.end_line or annotation.line))
        elif argument.initializer is None and not annotation.args:
            found.append(f"{argument.variable.name}:{annotation.name}")
    if found and not function.is_coroutine:
        found += [f"return {_text(each)}" for each in contents.returned]
    return ";".join(found)


def asked(found: Contents) -> list[str]:
    """What a function asks for what only an open session has."""
    if found.words.isdisjoint(CONNECTING_ATTRIBUTES):
        return []
    return sorted(
        {
            dotted(node.expr) or "_"
            for node in found.of_kind(MemberExpr)
            if node.name in CONNECTING_ATTRIBUTES
        }
    )


def made_of_parameters(function: FuncDef, found: Contents) -> list[str]:
    """What a function returns that is made of its parameters, where it returns nothing else."""
    made = [each for each in found.returned if isinstance(each, CallExpr)]
    if not made or len(made) < len(found.returned):
        return []
    names = {argument.variable.name for argument in function.arguments}
    given = (argument for each in made for argument in each.args)
    if not any(isinstance(each, NameExpr) and each.name in names for each in given):
        return []
    return sorted(map(_text, made))
