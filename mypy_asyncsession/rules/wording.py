"""How rules speak of providers and uses: one wording for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.object_record import ObjectInfo
from mypy_asyncsession.detectors.record import UNPACKING, Pairing
from mypy_asyncsession.models.sqlalchemy import STARTED_ONCE
from mypy_asyncsession.semantic.shapes import ABILITIES, Can, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.record import EarlyExit, Use

#: What a function that hands out a shape is called.
_FUNCTIONS = {
    Shape.COROUTINE: "a coroutine function",
    Shape.ASYNC_GENERATOR: "an async generator",
    Shape.GENERATOR: "a generator",
}


def subject(use: Use, handed: ObjectInfo) -> str:
    """What the use is given, as the beginning of a sentence: ``"get_db" is an async generator``."""
    shape = handed.shape
    if shape is Shape.NONE:
        return f'"{use.callee or use.text}" may return None'
    if shape.uncalled:
        if shape is Shape.SESSIONMAKER:
            return f'"{use.text}" is a sessionmaker that was not called'
        return f'"{use.text}" was not called'
    what = described(handed)
    if shape in (Shape.SESSION, Shape.SYNC_SESSION) and handed.label:
        kind = "an" if handed.label[0].lower() in "aeiou" else "a"
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


def described(handed: ObjectInfo) -> str:
    """What something is: ``an async context manager``, ``"contextmanager" of a coroutine``."""
    if handed.shape is Shape.MISMADE and handed.item is not None:
        inner = handed.item.shape
        return f'"{handed.label}" of {_FUNCTIONS.get(inner, inner.value)}'
    return handed.shape.value


def used(use: Use, verb: str) -> str:
    """What the use does with it: ``"async with" cannot enter it``."""
    if use.pairing is Pairing.ITERATED:
        return "it cannot be unpacked" if use.via == UNPACKING else f'"{use.via}" cannot {verb} it'
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
    bound = use.target
    if bound is not None and "," in bound and bound[0] not in "([":
        bound = f"({bound})"  # else the second name would be another manager
    target = f" as {bound}" if bound else ""
    return f"{keyword} {expression}{target}:"


def instead(use: Use, handed: ObjectInfo) -> str | None:
    """What to write to get at what *handed* holds, in the form that fits *use*.

    It is right when it is followed; where that is not sure, there is none.
    """
    if use.pairing is Pairing.ITERATED:
        return _collected(use, handed)
    if use.via is not None:
        return _given(use, handed)
    if not _is_literal(use) or use.callee in ("aiter", "iter"):
        return None  # what is wrong is what that is given
    if use.target is None and use.pairing not in _STATEMENTS:
        use = use._replace(target=_bound(handed))
    return _instead(use, handed)


_STATEMENTS = (Pairing.ASYNC_WITH, Pairing.WITH, Pairing.ASYNC_FOR, Pairing.FOR)
#: How a test case enters what an exit stack enters by another name.
_IN_TESTS = {
    Pairing.ENTER_ASYNC_CONTEXT: Pairing.TEST_ENTER_ASYNC_CONTEXT,
    Pairing.ENTER_CONTEXT: Pairing.TEST_ENTER_CONTEXT,
}
_ON_STACK = (*_IN_TESTS, *_IN_TESTS.values(), Pairing.PUSH_ASYNC_EXIT)
_STEPS = (Pairing.ANEXT, Pairing.NEXT, Pairing.ANEXT_METHOD, Pairing.NEXT_METHOD)
_SESSIONS = (Shape.SESSION, Shape.SYNC_SESSION)


def _is_literal(use: Use) -> bool:
    """Whether the text can be read in one way only: that of an ``await`` has no parentheses."""
    before, awaits, operand = use.text.partition("await ")
    if not awaits:
        return True
    is_whole = use.callee is None and (operand.endswith(")") or operand.isidentifier())
    return is_whole and not before and "await " not in operand


def _bound(handed: ObjectInfo) -> str | None:
    """A name for what the hint enters, where the use is no statement that has one."""
    while handed.item is not None and (handed.shape is Shape.COROUTINE or handed.shape.uncalled):
        handed = handed.item
    held = handed if handed.shape in _SESSIONS else handed.item
    if held is not None and held.shape is Shape.NONE:
        return None
    if handed.shape is Shape.ENGINE or (held and held.label and held.label.endswith("Connection")):
        return "connection"
    if held is None:
        return "session" if handed.shape is Shape.SESSIONMAKER else "value"
    return "session" if held.shape in _SESSIONS else "value"


def is_started(handed: ObjectInfo) -> bool:
    """Whether this is a connection or transaction that ``await`` has started."""
    return handed.label in STARTED_ONCE and not handed.can & (Can.ASYNC_ENTER | Can.AWAIT)


def _instead(use: Use, handed: ObjectInfo) -> str | None:
    shape = handed.shape
    if is_started(handed):
        if use.text.startswith("await "):
            return _write(use, use.text.removeprefix("await "), "async with")
        return 'Enter it where it is made, without "await"'
    if shape.uncalled:
        return _once_called(use, handed)
    if use.pairing in _ON_STACK and shape is not Shape.MISMADE:
        return _on_stack(use, handed)
    if shape is Shape.NONE:
        return "Test it for None before it is entered"
    if shape is Shape.MISMADE:
        return _made_anew(use, handed)
    if shape is Shape.ENGINE:
        keyword = "async with" if handed.label and "Async" in handed.label else "with"
        return _write(use, f"{use.text}.connect()", keyword)
    if shape is Shape.RESULT and use.pairing is Pairing.ASYNC_FOR:
        return _write(use, use.text, "for")
    if use.pairing is Pairing.ASYNC_FOR and shape is Shape.GENERATOR and not _of_session(handed):
        return _write(use, use.text, "for")
    if use.pairing is Pairing.FOR and handed.can & Can.ASYNC_ITERATE:
        return _write(use, use.text, "async for")
    if shape is Shape.COROUTINE:
        return _once_awaited(use, handed)
    return _entered(use, handed)


def _of_session(handed: ObjectInfo) -> bool:
    return handed.item is not None and handed.item.shape in _SESSIONS


def _made_anew(use: Use, handed: ObjectInfo) -> str | None:
    """What is to be made of the function that a manager cannot be made of."""
    inner = handed.item.shape if handed.item is not None else None
    if inner in (Shape.ASYNC_CONTEXT_MANAGER, Shape.CONTEXT_MANAGER):
        return f'Leave out "{handed.label}": it is a context manager without it'
    if not use.pairing.enters:
        return f'Leave out "{handed.label}"'
    if inner is Shape.COROUTINE:
        return f'Leave out "{handed.label}", and await it: it yields nothing'
    is_async = inner is Shape.ASYNC_GENERATOR
    suited = "asynccontextmanager" if is_async else "contextmanager"
    hint = f'Use "{suited}" instead of "{handed.label}"'
    if use.pairing.is_async is not is_async:
        hint += f', and enter it with "{"async with" if is_async else "with"}"'
    return hint


def _given(use: Use, handed: ObjectInfo) -> str | None:
    wrapper = {
        Shape.ASYNC_GENERATOR: "asynccontextmanager",
        Shape.GENERATOR: "contextmanager",
    }.get(handed.shape)
    if wrapper is None or use.part or not use.pairing.enters:
        return f'Give "{use.via}" what "{use.pairing.value}" works with'
    if use.callee is not None and use.callee != use.text:
        return f'Give it "{call(use, wrapper)}"'
    return f'Give it "{wrapper}({use.text})"'


def _collected(use: Use, handed: ObjectInfo) -> str | None:
    """What to give to a builtin that is no iterator, but an async one."""
    if not use.in_async or not _is_literal(use):
        return None
    several = handed.yields is None or not handed.yields.once
    if handed.can & Can.ASYNC_ITERATE and several and not _of_session(handed):
        return f'Collect it first: "[each async for each in {use.text}]"'
    return _instead(use._replace(target=_bound(handed)), handed)


def _entered(use: Use, handed: ObjectInfo) -> str | None:
    shape = handed.shape
    if shape is Shape.ASYNC_GENERATOR:
        if handed.yields is not None and not handed.yields.once:
            return _write(use, use.text, "async for")  # a stream, which has no one thing in it
        if use.callee is None:
            # What has to be awaited for it is no generator function, whatever its name.
            awaited = use.text.startswith("await ") and f"{handed.name}(" in use.text
            made = None
            if handed.name and handed.name.isidentifier() and not awaited:
                made = f"asynccontextmanager({handed.name})"
            arguments = "..." if handed.takes else ""
            through = f"{made}({arguments})" if made else "asynccontextmanager"
            return f'Enter it through "{through}" where it is made'
        return _write(use, call(use, "asynccontextmanager"), "async with")
    if shape is Shape.GENERATOR:
        if use.callee is None:
            return 'Enter it through "contextmanager" where it is made'
        return _write(use, call(use, "contextmanager"), "with")
    if shape is Shape.ASYNC_ITERATOR:
        if use.callee is not None and use.pairing.enters and _of_session(handed):
            # A loop over it would leave it at its yield, where the block returns.
            return _write(use, call(use, "asynccontextmanager"), "async with")
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


def _once_called(use: Use, handed: ObjectInfo) -> str | None:
    item, callee = _of_call(handed), use.text
    if item is None or callee in ("...", "lambda"):
        return None
    if use.callee is not None and use.callee.rpartition(".")[2] == handed.label:
        # ``async_sessionmaker()``, which mistakes the class for the one that was configured.
        return "Enter what the sessionmaker gives that an engine was given to"
    if use.callee is not None and use.callee.rpartition(".")[2] in _MANAGING:
        if handed.name is None or not handed.name.isidentifier():
            return f'Give "{use.callee}" the function, and call what that gives'
        callee = f"{use.callee}({handed.name})"
    elif callee.startswith("await "):
        callee = f"({callee})"
    text = f"{callee}(...)" if handed.takes else f"{callee}()"
    called = use._replace(text=text, callee=callee, arguments=handed.takes)
    if not item.can & use.pairing.needs:
        return _instead(called, item)
    if use.pairing in _STEPS and item.item is not None and item.item.shape in _SESSIONS:
        return _entered(called, item)  # a step alone leaves the session at its yield
    if use.pairing in _STATEMENTS:
        return f'Call it: "{entering(use, called.text, use.pairing.value)}"'
    return f'Call it: "{called.text}"'


def _of_call(handed: ObjectInfo) -> ObjectInfo | None:
    if handed.item is None and handed.shape is Shape.SESSIONMAKER:
        # What is not said of a sessionmaker is as SQLAlchemy has it by default.
        made = {"async_sessionmaker": Shape.SESSION, "sessionmaker": Shape.SYNC_SESSION}
        shape = made.get(handed.label or "")
        return ObjectInfo(shape, ABILITIES[shape]) if shape is not None else None
    return handed.item


_MANAGING = ("asynccontextmanager", "contextmanager")


def _once_awaited(use: Use, handed: ObjectInfo) -> str | None:
    item = handed.item
    if not use.in_async:
        return 'Await it first, in an "async def"'
    awaited = f"await {use.text}"
    if item is None and use.pairing is Pairing.ASYNC_FOR:
        line = entering(use, awaited, "for")
        return f'Await it first: "{line}", or "async {line}", as what it gives has it'
    if item is None:
        return f'Await it first: "{awaited}"'
    if item.shape.uncalled:
        return _once_called(use._replace(text=awaited, callee=None, arguments=False), item)
    if is_started(item):
        line = entering(use, f"aclosing({awaited})", "async with")
        return f'Await it, which starts it, and close it: "{line}"' if use.target else None
    if item.can & use.pairing.needs:
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


def _on_stack(use: Use, handed: ObjectInfo) -> str | None:
    shape, item = handed.shape, handed.item
    if shape is Shape.COROUTINE:
        if item is None or not use.in_async or item.shape.uncalled:
            return _once_awaited(use, handed)
        fits = item.can & use.pairing.needs
        return f'Await it first: "{use.pairing.value}(await {use.text})"' if fits else None
    if shape is Shape.ASYNC_GENERATOR and use.callee:
        return _stacked(use, call(use, "asynccontextmanager"), Pairing.ENTER_ASYNC_CONTEXT)
    if shape is Shape.GENERATOR and use.callee:
        return _stacked(use, call(use, "contextmanager"), Pairing.ENTER_CONTEXT)
    if handed.can & Can.ASYNC_ENTER:
        return _stacked(use, use.text, Pairing.ENTER_ASYNC_CONTEXT)
    if handed.can & Can.ENTER:
        return _stacked(use, use.text, Pairing.ENTER_CONTEXT)
    return None


def _stacked(use: Use, expression: str, method: Pairing) -> str:
    """To enter *expression* on the stack, whose name is not known."""
    if use.pairing in _IN_TESTS.values():
        method = _IN_TESTS[method]
    entered = f'"{method.value}({expression})"'
    if method is use.pairing:
        return f"Write {entered}"
    if method is Pairing.ENTER_CONTEXT:
        return f"Write {entered}" + (
            ', without "await"' if use.pairing is Pairing.ENTER_ASYNC_CONTEXT else ""
        )
    hint = f"Await {entered}"
    if use.pairing is Pairing.ENTER_CONTEXT:
        hint += " of an AsyncExitStack"
    return hint if use.in_async else f'{hint}, in an "async def"'


def entered_instead(exit_: EarlyExit, then: str = "") -> str:
    """To enter a generator instead of iterating over it; *then* is what stands in the block."""
    if exit_.callee is None:
        return 'Enter it through "asynccontextmanager" where it is made'
    is_manager = exit_.handed is not None and exit_.handed.can & Can.ASYNC_ENTER
    made = exit_.callee if is_manager else f"asynccontextmanager({exit_.callee})"
    arguments = "..." if exit_.handed is not None and exit_.handed.takes else ""
    return f'Enter it: "async with {made}({arguments}) as session:{then}"'
