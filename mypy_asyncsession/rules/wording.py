"""How rules speak of providers and uses: one wording for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.providers.shapes import Can, Shape
from mypy_asyncsession.uses.record import Handed, Pairing

if TYPE_CHECKING:
    from mypy_asyncsession.uses.record import EarlyExit, Use

#: What a function that hands out a shape is called.
_FUNCTIONS = {
    Shape.COROUTINE: "a coroutine function",
    Shape.ASYNC_GENERATOR: "an async generator",
    Shape.GENERATOR: "a generator",
}


def subject(use: Use, handed: Handed) -> str:
    """What the use is given, as the beginning of a sentence: ``"get_db" is an async generator``."""
    shape = handed.shape
    if shape is Shape.NONE:
        return f'"{use.callee or use.text}" may return None'
    if shape.uncalled:
        if shape is Shape.SESSIONMAKER:
            return f'"{use.text}" is a sessionmaker that was not called'
        return f'"{use.text}" was not called'
    what = shape.value
    if shape in (Shape.SESSION, Shape.SYNC_SESSION) and handed.label:
        kind = "an" if handed.label[0] in "AEIOU" else "a"
        what = f"{kind} {handed.label}"
    if use.callee is None:
        if handed.name:
            return f'"{use.text}" is {what}, made by "{handed.name}"'
        return f'"{use.text}" is {what}'
    tail = use.callee.rpartition(".")[2]
    if handed.name and handed.name.rpartition(".")[2] != tail:
        return f'"{use.callee}" gives {what}, made by "{handed.name}"'
    if shape in _FUNCTIONS:
        return f'"{use.callee}" is {_FUNCTIONS[shape]}'
    if shape in (Shape.SESSION, Shape.SYNC_SESSION):
        return f'"{use.callee}" gives {what}'
    return f'"{use.callee}" is {what}'


def used(use: Use, verb: str) -> str:
    """What the use does with it: ``"async with" cannot enter it``."""
    if use.via is not None:
        return f'"{use.via}" uses it in "{use.pairing.value}"'
    if use.pairing is Pairing.AWAIT:
        return "it cannot be awaited"
    return f'"{use.pairing.value}" cannot {verb} it'


def call(use: Use, wrapper: str | None = None) -> str:
    """The expression as a hint writes it: ``get_db()``, ``asynccontextmanager(get_db)(...)``."""
    callee = use.callee or use.text
    arguments = "(...)" if use.arguments else "()"
    return f"{wrapper}({callee}){arguments}" if wrapper else f"{callee}{arguments}"


def entering(use: Use, expression: str, keyword: str) -> str:
    """A whole ``with`` or ``for`` line: ``async with f() as s:``."""
    if keyword in ("for", "async for"):
        return f"{keyword} {use.target or 'item'} in {expression}:"
    target = f" as {use.target}" if use.target else ""
    return f"{keyword} {expression}{target}:"


def instead(use: Use, handed: Handed) -> str | None:
    """What to write to get at what *handed* holds, in the form that fits *use*."""
    shape = handed.shape
    if use.via is not None:
        return _given(use, handed)
    if use.pairing in (Pairing.ENTER_ASYNC_CONTEXT, Pairing.ENTER_CONTEXT, Pairing.PUSH_ASYNC_EXIT):
        return _on_stack(use, handed)
    if shape is Shape.NONE:
        return "Test it for None before it is entered"
    if shape is Shape.ENGINE:
        keyword = "async with" if handed.label and "Async" in handed.label else "with"
        return _write(use, f"{use.text}.connect()", keyword)
    if shape.uncalled:
        return _once_called(use, handed)
    if shape is Shape.RESULT and use.pairing is Pairing.ASYNC_FOR:
        return _write(use, use.text, "for")
    if use.pairing is Pairing.FOR and handed.can & Can.ASYNC_ITERATE:
        return _write(use, use.text, "async for")
    if shape is Shape.COROUTINE:
        return _once_awaited(use, handed)
    return _entered(use, handed)


def _given(use: Use, handed: Handed) -> str | None:
    wrapper = {
        Shape.ASYNC_GENERATOR: "asynccontextmanager",
        Shape.GENERATOR: "contextmanager",
    }.get(handed.shape)
    if wrapper is None or not use.pairing.enters:
        return f'Give "{use.via}" what "{use.pairing.value}" works with'
    if use.callee is not None and use.callee != use.text:
        return f'Give it "{call(use, wrapper)}"'
    return f'Give it "{wrapper}({use.text})"'


def _entered(use: Use, handed: Handed) -> str | None:
    shape = handed.shape
    if shape is Shape.ASYNC_GENERATOR:
        if use.callee is None:
            made = (
                f'"asynccontextmanager({handed.name})(...)"'
                if handed.name
                else ('"asynccontextmanager(...)"')
            )
            return f"Enter it through {made} where it is made"
        return _write(use, call(use, "asynccontextmanager"), "async with")
    if shape is Shape.GENERATOR:
        if use.callee is None:
            return 'Enter it through "contextmanager(...)" where it is made'
        return _write(use, call(use, "contextmanager"), "with")
    if shape is Shape.ASYNC_ITERATOR:
        return _write(use, use.text, "async for")
    if shape is Shape.ITERATOR:
        return _write(use, use.text, "for")
    if handed.can & Can.ASYNC_ENTER:
        return _write(use, use.text, "async with")
    if handed.can & Can.ENTER:
        return _write(use, use.text, "with")
    return None


def _write(use: Use, expression: str, keyword: str) -> str:
    line = f'Write "{entering(use, expression, keyword)}"'
    if keyword.startswith("async") and not use.in_async:
        line += ' in an "async def"'
    return line


def _once_called(use: Use, handed: Handed) -> str | None:
    item = handed.item
    expression = f"{use.text}()"
    if use.pairing is Pairing.AWAIT:
        return f'Call it: "await {expression}"'
    keyword = use.pairing.value if use.pairing in _STATEMENTS else "async with"
    if item is not None and not item.can & use.pairing.needs:
        if item.shape is Shape.COROUTINE:
            expression = f"await {expression}"
        elif item.shape is Shape.ASYNC_GENERATOR:
            expression, keyword = f"asynccontextmanager({use.text})()", "async with"
        elif item.can & Can.ASYNC_ENTER:
            keyword = "async with"
        elif item.can & Can.ENTER:
            keyword = "with"
        else:
            return "Call it first"
    return f'Call it: "{entering(use, expression, keyword)}"'


_STATEMENTS = (Pairing.ASYNC_WITH, Pairing.WITH, Pairing.ASYNC_FOR, Pairing.FOR)


def _once_awaited(use: Use, handed: Handed) -> str | None:
    item = handed.item
    if not use.in_async:
        return 'Await it first, in an "async def"'
    awaited = f"await {use.text}"
    if item is None or item.can & use.pairing.needs:
        if use.pairing in _STATEMENTS:
            return f'Write "{entering(use, awaited, use.pairing.value)}"'
        return f'Await it first: "{awaited}"'
    for can, keyword in (
        (Can.ASYNC_ENTER, "async with"),
        (Can.ENTER, "with"),
        (Can.ASYNC_ITERATE, "async for"),
        (Can.ITERATE, "for"),
    ):
        if item.can & can:
            return f'Write "{entering(use, awaited, keyword)}"'
    return f'Await it first: "{awaited}"'


def _on_stack(use: Use, handed: Handed) -> str | None:
    method = use.pairing.value
    prefix = "await " if use.pairing is Pairing.ENTER_ASYNC_CONTEXT else ""
    shape = handed.shape
    if shape is Shape.COROUTINE:
        return f'Await it first: "{prefix}stack.{method}(await {use.text})"'
    if shape is Shape.ASYNC_GENERATOR and use.callee:
        inner = call(use, "asynccontextmanager")
        return f'Write "await stack.enter_async_context({inner})"'
    if shape is Shape.GENERATOR and use.callee:
        inner = call(use, "contextmanager")
        return f'Write "stack.enter_context({inner})"'
    if shape.uncalled:
        return f'Call it: "{prefix}stack.{method}({use.text}())"'
    if handed.can & Can.ASYNC_ENTER:
        return f'Write "await stack.enter_async_context({use.text})"'
    if handed.can & Can.ENTER:
        return f'Write "stack.enter_context({use.text})"'
    return None


def entered_instead(exit_: EarlyExit, then: str = "") -> str:
    """To enter a generator instead of iterating over it; *then* is what stands in the block."""
    if exit_.callee is None:
        return 'Enter it through "asynccontextmanager(...)" where it is made'
    is_manager = exit_.handed is not None and exit_.handed.can & Can.ASYNC_ENTER
    made = exit_.callee if is_manager else f"asynccontextmanager({exit_.callee})"
    return f'Enter it: "async with {made}(...) as session:{then}"'
