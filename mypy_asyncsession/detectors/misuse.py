"""From the record of a misuse to what a fix has to know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.detectors.dependency_records import Dependency, DirectCall
from mypy_asyncsession.detectors.provider_records import Double, Getter, Override
from mypy_asyncsession.detectors.record import EarlyExit, Reuse, UnenteredUse, Use
from mypy_asyncsession.detectors.state_records import ExpiredRead, TransactionMisuse
from mypy_asyncsession.detectors.time_records import LateCommit, LazyLoad, Unawaited
from mypy_asyncsession.findings import Held, Misuse, Step, Yields
from mypy_asyncsession.semantic.shapes import ABILITIES, Shape

if TYPE_CHECKING:
    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.detectors.record import Record


def misuse(record: Record) -> Misuse:
    """What a fix has to know of *record*; for most kinds there is no fix, and it is little."""
    kind = type(record).__name__
    if isinstance(record, Use):
        wrong = record.wrong()
        return Misuse(
            kind,
            _way_of_use(record),
            record.text,
            record.callee,
            _holds(wrong),
            several=_differ(record),
            yields=_yields_of(record, wrong),
            name=wrong.name if wrong else None,
            via=record.via,
            part=record.part,
        )
    if isinstance(record, Reuse):
        return _of(kind, record.pairing.name, record.text, record.made, record.handed)
    if isinstance(record, UnenteredUse):
        return _of(kind, record.situation.name, record.text, record.callee, record.handed)
    if isinstance(record, EarlyExit):
        return _of(kind, record.way.name, record.text, record.callee, record.handed)
    if isinstance(record, Dependency):
        handed = record.handed
        return Misuse(
            kind,
            record.drive.name,
            record.text,
            record.callee,
            _holds(handed),
            yields=_yields(handed),
            name=handed.name if handed else None,
            parameter=record.parameter,
            role=record.role.name,
            calls=record.callable_class,
        )
    if isinstance(record, Getter):
        return Misuse(kind, annotation=record.right, imports=record.imports)
    if isinstance(record, Unawaited):
        return Misuse(kind, record.how.name, record.text, record.callee)
    if isinstance(record, LazyLoad) and (record.place is not None or record.through):
        return Misuse(kind, "HELPER")
    if isinstance(record, LazyLoad):
        return Misuse(
            kind,
            record.how.name,
            record.made_text,
            name=f"{record.entity}.{record.attribute}",
            made=record.made,
            steps=(Step(record.made.line, f'"{record.instance}" comes from here'),),
        )
    if isinstance(record, ExpiredRead):
        return Misuse(
            kind,
            _way_of(record),
            f"{record.instance}.{record.attribute}",
            name=" ".join(record.columns),
            steps=_steps(record),
        )
    if isinstance(record, TransactionMisuse):
        return Misuse(kind, steps=_steps(record))
    if isinstance(record, LateCommit):
        return Misuse(
            kind,
            "FUNCTION_SCOPE" if record.has_scope and not record.in_generator else "",
            record.text,
            name=record.provider,
            parameter=record.parameter,
            role=record.role,
        )
    if isinstance(record, Double):
        return _of(kind, record.there.shape.name, record.double, record.target, record.here)
    if isinstance(record, Override):
        return _of(kind, record.there.shape.name, record.method, record.owner, record.here)
    if isinstance(record, DirectCall):
        return Misuse(
            kind,
            callee=record.callee,
            holds=_holds(record.handed),
            yields=_yields(record.handed),
            parameter=record.parameter,
        )
    return Misuse(kind)


def _way_of_use(record: Use) -> str:
    if record.method_of:
        return "AT_ONCE"
    return "OBJECT" if record.of_other_object() else record.pairing.name


def _way_of(record: ExpiredRead) -> str:
    """How an expired attribute is read."""
    if record.reader is not None:
        return "MODEL"
    return record.method.upper() if record.attribute in record.columns else "RELATIONSHIP"


def _steps(record: ExpiredRead | TransactionMisuse) -> tuple[Step, ...]:
    by = f', by "{record.by}"' if record.by else ""
    session = record.session if isinstance(record, ExpiredRead) else record.name
    return (Step(record.line, f'{record.method} of "{session}"{by}'),) if record.line else ()


def _of(kind: str, how: str, text: str, callee: str | None, handed: ObjectInfo | None) -> Misuse:
    return Misuse(
        kind,
        how,
        text,
        callee,
        _holds(handed),
        yields=_yields(handed),
        name=handed.name if handed else None,
    )


def _differ(record: Use) -> bool:
    """Whether an expression may be one of several things that are not all used in one way."""
    return len({_holds(each) for each in record.given}) > 1


def _yields_of(record: Use, wrong: ObjectInfo | None) -> Yields | None:
    """How what an expression may be yields: each of the generators, if there are several."""
    if len(record.given) < 2 or _differ(record):
        return _yields(wrong)
    found = [_yields(each) for each in record.given]
    known = [each for each in found if each is not None]
    if len(known) < len(found):
        return None
    return Yields(
        once=all(each.once for each in known),
        code=any(each.code for each in known),
        catches=any(each.catches for each in known),
        swallows=any(each.swallows for each in known),
        always=all(each.always for each in known),
    )


def _yields(handed: ObjectInfo | None) -> Yields | None:
    """How what is handed out yields, or, of a function, what a call of it gives."""
    while handed is not None:
        if handed.yields is not None:
            return handed.yields
        handed = handed.item
    return None


def _holds(handed: ObjectInfo | None) -> tuple[Held, ...]:
    held = []
    while handed is not None:
        uncalled = handed.shape in (Shape.FUNCTION, Shape.CLASS)
        held.append(
            Held(
                handed.shape.name,
                handed.can.value,
                handed.resource is not None,
                uncalled and handed.takes,
            )
        )
        if handed.shape is Shape.SESSIONMAKER and handed.item is None:
            made = Shape.SYNC_SESSION if handed.label == "sessionmaker" else Shape.SESSION
            held.append(Held(made.name, ABILITIES[made].value, resource=True))
        handed = handed.item
    return tuple(held)
