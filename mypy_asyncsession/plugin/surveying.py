"""From the records of a module to its survey."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy_asyncsession import survey
from mypy_asyncsession.detectors.dependency_records import Dependency
from mypy_asyncsession.detectors.provider_records import Double, Getter
from mypy_asyncsession.detectors.record import EarlyExit, Pairing, UnenteredUse, Use
from mypy_asyncsession.semantic.shapes import Shape
from mypy_asyncsession.survey import Provider, Survey, Used

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mypy.nodes import MypyFile

    from mypy_asyncsession.detectors.object_record import ObjectInfo
    from mypy_asyncsession.detectors.record import Record


def surveyed(tree: MypyFile, records: Iterable[tuple[Record, str | None]]) -> Survey:
    """The survey of a module.

    Args:
        tree: The module.
        records: What it holds, each record with the code of the rule that rejects it, if one does.
    """
    providers: list[Provider] = []
    uses: dict[tuple[object, ...], Used] = {}
    for record, code in records:
        if isinstance(record, Getter):
            providers.append(_provider(record, tree.fullname))
            continue
        way = _way(record)
        if way is None:
            continue
        function = f"{tree.fullname}.{record.function}" if record.function else tree.fullname
        for provider in _providers(record):
            if provider is None:
                continue
            use = Used(provider, way, tree.path, record.span.line, function, code)
            if isinstance(record, EarlyExit):
                # It is another word about a loop or a call that is among the uses already.
                use = _before(use, uses.values()) or use
            key = (use.provider, use.way, use.line, use.function)
            if key not in uses or use.code is not None:
                uses[key] = use
    return Survey(tree.fullname, tree.path, tuple(providers), tuple(uses.values()))


def _before(exit_: Used, uses: Iterable[Used]) -> Used | None:
    """The use that is left early: the last one of its kind before that."""
    found = [
        use
        for use in uses
        if (use.provider, use.way, use.function) == (exit_.provider, exit_.way, exit_.function)
        and use.line <= exit_.line
    ]
    return replace(max(found, key=lambda use: use.line), code=exit_.code) if found else None


def _provider(getter: Getter, module: str) -> Provider:
    return Provider(
        name=getter.name,
        module=module,
        place=getter.place,
        shape=getter.handed.shape.value,
        holds=getter.holds,
        resource=holds_resource(getter.handed),
        annotated=getter.annotated.value,
        written=getter.written,
        right=getter.right,
        imports=getter.imports,
        managed=getter.managed,
        is_async=getter.is_async,
        kind=getter.kind.value,
        returns=getter.returns,
    )


def holds_resource(handed: ObjectInfo | None) -> bool:
    """Whether something is a session, or holds one."""
    while handed is not None:
        if handed.resource is not None:
            return True
        handed = handed.item
    return False


def _way(record: Record) -> str | None:
    if isinstance(record, Use):
        if record.pairing.enters:
            return survey.ENTERED
        return survey.AWAITED if record.pairing is Pairing.AWAIT else survey.ITERATED
    if isinstance(record, Dependency):
        return survey.DEPENDED
    if isinstance(record, Double):
        return survey.DOUBLED
    if isinstance(record, EarlyExit):
        return survey.ITERATED
    return survey.RAW if isinstance(record, UnenteredUse) else None


def _providers(record: Record) -> Iterator[str | None]:
    """The providers that a record is about, by their full names."""
    if isinstance(record, Dependency) and record.provider is not None:
        yield record.provider
        return
    found: tuple[ObjectInfo | None, ...] = ()
    if isinstance(record, Use):
        found = record.given
    elif isinstance(record, Double):
        found = (record.there,)
    elif isinstance(record, (Dependency, EarlyExit, UnenteredUse)):
        found = (record.handed,)
    for handed in found:
        if handed is None:
            continue
        yield _provider_of(handed)
        if handed.shape is Shape.COROUTINE and handed.item is not None:
            yield _provider_of(handed.item)


def _provider_of(handed: ObjectInfo) -> str | None:
    return handed.through or (handed.place.fullname if handed.place is not None else None)
