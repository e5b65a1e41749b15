"""Wrong pairings, whatever the object holds: what the codes for sessions and the others share."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mypy_asyncsession.detectors.record import Pairing, Use
from mypy_asyncsession.rules.rule import Problem
from mypy_asyncsession.rules.wording import entering as entering_line
from mypy_asyncsession.rules.wording import instead, is_started, subject, used
from mypy_asyncsession.semantic.entering_faults import EnteringFault
from mypy_asyncsession.semantic.shapes import Can, Shape, YieldFault

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.detectors.provider_records import FaultyManager
    from mypy_asyncsession.detectors.record import Reuse

#: What is about sessions, whatever the library.
_OF_SESSIONS = frozenset({Shape.ENGINE, Shape.RESULT, Shape.SESSIONMAKER})
_ITERATING = Can.ASYNC_ITERATE | Can.ITERATE | Can.ASYNC_NEXT | Can.NEXT
#: The methods of an async generator that typeshed calls coroutines, and that are iterable.
_STEPS = frozenset({"__anext__", "asend", "athrow", "aclose"})
#: What is wrong with where the function of a manager yields, and what to do.
_FAULTS: Final = {
    YieldFault.NEVER: (
        'may end{here} without a yield: entering it then fails with "generator didn\'t yield"',
        "Raise an exception here, or yield something before",
    ),
    YieldFault.TWICE: (
        'yields a second time{here}: its block ends with "generator didn\'t stop"',
        "Return after the first yield",
    ),
    YieldFault.AFTER_ERROR: (
        'yields again after an exception: that ends with "generator didn\'t stop after {thrown}()"',
        "Raise the exception again instead, or catch it before the first yield",
    ),
    YieldFault.SWALLOWED: (
        'ends{here} without a yield: entering it then fails with "generator didn\'t yield"',
        "Raise the exception again, so that its cause is seen",
    ),
}
#: How to define a special method that a block cannot work with.
_DEFINED: Final = {
    EnteringFault.MISSING: 'Define "{name}"',
    EnteringFault.NOT_AWAITABLE: 'Define "{name}" with "async def"',
    EnteringFault.GENERATOR: 'Let "{name}" return what it yields',
    EnteringFault.COROUTINE: 'Define "{name}" without "async"',
}


def holds_resource(handed: ObjectInfo | None) -> bool:
    """Whether an object is a resource, or holds one, however deep."""
    while handed is not None:
        if handed.resource is not None or handed.of_sessions or handed.shape in _OF_SESSIONS:
            return True
        handed = handed.item
    return False


def of_resource(use: Use) -> bool:
    """Whether a use is of something that may hold a resource."""
    return any(map(holds_resource, use.given))


def is_certain(use: Use) -> bool:
    """Whether a use fails whichever object it is given, and whoever implements what gives it."""
    if use.faulty is not None:
        return True
    return not any(each.promised or each.can & use.pairing.needs for each in use.given)


def entering(use: Use) -> Problem | None:
    """Whether *use* enters what it cannot enter."""
    if not use.pairing.enters:
        return None
    wrong = use.wrong()
    if wrong is None:
        return None
    if use.faulty is not None:
        return Problem(
            f'"{use.pairing.value}" cannot work with "{use.callee or use.text}": its '
            f'"{use.faulty.name}" {use.faulty.fault.value}',
            _DEFINED[use.faulty.fault].format(name=use.faulty.name),
            None,
        )
    if wrong.shape is Shape.NONE and not _may_give_provider(use):
        return None  # where something may be None is mypy's to say
    if use.pairing is Pairing.PUSH_ASYNC_EXIT and wrong.shape.uncalled:
        return None  # a callback is as welcome there
    return _problem(use, wrong, "enter", speaks=wrong.shape is Shape.NONE)


def iterating(use: Use) -> Problem | None:
    """Whether *use* iterates over what it cannot iterate over."""
    if not use.pairing.needs & _ITERATING:
        return None
    wrong = use.wrong()
    if wrong is None or wrong.shape is Shape.NONE or _may_be_more(use, wrong):
        return None
    problem = _problem(use, wrong, "iterate over")
    return replace(problem, hint=None) if use.of_other_object() else problem


def awaiting(use: Use) -> Problem | None:
    """Whether *use* awaits what cannot be awaited."""
    if use.pairing is not Pairing.AWAIT:
        return None
    if use.method_of is not None:
        return Problem(
            f'"{use.callee}" is a method of {use.method_of}: what it gives cannot be awaited',
            f'Write "{use.callee}({"..." if use.arguments else ""})", without "await"',
            None,
        )
    wrong = use.wrong()
    if wrong is None or wrong.shape in (Shape.NONE, Shape.RESULT):
        # That a result is awaited is, as a rule, the fault of an annotation as a sync session.
        return None
    if wrong.label == "Iterable":
        # By its annotation alone: such a thing may well be awaitable, too.
        return None
    problem = _problem(use, wrong, "await")
    if use.of_other_object():
        return replace(problem, hint=f'Write "{use.text}", without "await"')
    return problem


def reusing(reuse: Reuse) -> Problem | None:
    """Whether what a generator made is used again, and a session is in it."""
    if not holds_resource(reuse.handed):
        return None
    made = f"{reuse.made}({'...' if reuse.arguments else ''})"
    what = reuse.handed.shape.value
    if reuse.pairing.enters:
        says = "it can be entered once, and this is not the first time"
    else:
        says = "it can be run once, and the second time nothing happens"
    again = Use(
        reuse.pairing,
        (),
        True,
        made,
        reuse.made,
        reuse.arguments,
        reuse.target,
        True,
        "",
        reuse.span,
    )
    line = entering_line(again, made, reuse.pairing.value)
    if reuse.pairing.enters and reuse.pairing not in (Pairing.ASYNC_WITH, Pairing.WITH):
        line = f"{reuse.pairing.value}({made})"
    if reuse.kept is not None:
        return Problem(
            f'"{reuse.text}" is {what}, kept from its first use: {says}',
            f'Let "{reuse.kept}" make a new one each time',
            reuse.handed.place,
        )
    return Problem(
        f'"{reuse.text}" is {what}, made by "{reuse.made}": {says}',
        f'Call it where it is used: "{line}"',
        reuse.handed.place,
    )


def faulty(manager: FaultyManager) -> Problem:
    """What is wrong with a manager whose generator function yields never or twice."""
    message, hint = _FAULTS[manager.fault]
    thrown = "athrow" if manager.is_async else "throw"
    here = "" if manager.is_elsewhere else " here"
    return Problem(f'"{manager.name}" {message.format(here=here, thrown=thrown)}', hint, None)


def _problem(use: Use, wrong: ObjectInfo, verb: str, *, speaks: bool = False) -> Problem:
    if is_started(wrong) and use.pairing.enters and use.callee is None:
        return Problem(
            f'"{use.text}" was started already, by "await": "{use.pairing.value}" starts it again',
            instead(use, wrong),
            None,
        )
    if _drops_close(wrong):
        return Problem(
            f'"{wrong.label}" does not await the "close" of an async session: it stays open',
            'Enter the session itself with "async with", or through "aclosing"',
            None,
        )
    if wrong.shape is Shape.MISMADE and wrong.label == "aclosing":
        return Problem(
            '"aclosing" asks for the "aclose" of what it is given: a context manager has none',
            instead(use, wrong),
            None,
        )
    message = subject(use, wrong)
    if not wrong.shape.uncalled and not speaks:
        message += f": {used(use, verb)}"
    return Problem(message, instead(use, wrong), wrong.place)


def _drops_close(handed: ObjectInfo) -> bool:
    """Whether this is ``closing(session)``, of an async session."""
    return (
        handed.shape is Shape.MISMADE
        and handed.item is not None
        and handed.item.shape is Shape.SESSION
    )


def _may_give_provider(use: Use) -> bool:
    """Whether a call gives either None or something that holds a session."""
    return use.callee is not None and any(
        each.resource is None and each.item is not None and each.item.resource is not None
        for each in use.given
    )


def _may_be_more(use: Use, handed: ObjectInfo) -> bool:
    """Whether the object may be able to do more than its type says."""
    if handed.label in ("Iterable", "AsyncIterable"):
        return use.pairing.needs in (Can.NEXT, Can.ASYNC_NEXT)  # most of them are iterators
    if handed.shape is not Shape.COROUTINE:
        return False
    # What the methods of an async generator give is called a coroutine in typeshed, and iterable;
    # a generator under ``types.coroutine`` delegates to coroutines.
    method = (use.callee or "").rpartition(".")[2]
    return use.pairing is Pairing.YIELD_FROM or method in _STEPS
