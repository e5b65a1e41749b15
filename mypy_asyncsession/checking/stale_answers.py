"""Which of the answers that are kept of a parsed program may be others after an edit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.checking.stale_modules import with_importers
from mypy_asyncsession.semantic.interface_text import mentioning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mypy.modulefinder import BuildSource

    from mypy_asyncsession.checking.kept_answers import KeptAnswers
    from mypy_asyncsession.checking.parsed_modules import ParsedModules


def stale(
    kept: KeptAnswers,
    changed: Sequence[BuildSource],
    gone: set[str],
    sources: Sequence[BuildSource],
    modules: ParsedModules,
    texts: dict[str, bytes],
) -> list[BuildSource]:
    """The modules that are to be looked at again.

    What has changed is read as it was, and then as it is: so packages are read once.

    Args:
        kept: What was found before.
        changed: The modules that have changed since, or are new.
        gone: The modules that are no more.
        sources: All modules.
        modules: Reads the modules.
        texts: What it reads in place of files.
    """
    paths = {source.module: source for source in sources}
    names = {source.module for source in changed}
    # What a module imports depends on where it is: it may have become a package.
    stayed = {
        source.module
        for source in changed
        if source.module in kept.answers and kept.answers[source.module].path == source.path
    }
    before = kept.texts(stayed)
    for name, text in before.items():
        path = paths[name].path
        if path is not None:
            texts[path] = text
    then = {name: modules.interface(name) for name in before}
    texts.clear()
    modules.forget_changed()
    now = {name: modules.interface(name) for name in names}
    imports = {**kept.imports, **modules.imports()}
    leading = with_importers(gone, imports)
    for name in names:
        old, new = then.get(name), now[name]
        changed_names = old.changed(new) if old is not None and new is not None else None
        if changed_names is None:
            leading |= with_importers([name], imports)
        elif changed_names:
            mentions = mentioning(changed_names)
            reading = with_importers([name], imports)
            reading.update(
                module for module, answer in kept.answers.items() if name in answer.leaned
            )
            reading.discard(name)
            told = [
                module
                for module in reading
                if (content := _content(module, paths, modules)) is None or mentions.search(content)
            ]
            leading |= with_importers(told, imports)
    again = names | leading
    again.update(_telling_old_lines(kept, before, paths, modules))
    again.update(
        module for module, answer in kept.answers.items() if not leading.isdisjoint(answer.leaned)
    )
    return [source for source in sources if source.module in again]


def _content(module: str, paths: Mapping[str, BuildSource], modules: ParsedModules) -> bytes | None:
    """What is in the file of a module; ``None`` where it is not known."""
    if module in paths:
        return modules.content(paths[module])
    return modules.content_of(module)


def _telling_old_lines(
    kept: KeptAnswers,
    before: Mapping[str, bytes],
    paths: Mapping[str, BuildSource],
    modules: ParsedModules,
) -> Iterator[str]:
    """The modules with a finding about a provider whose line may be another one now."""
    changed = {paths[name].path: name for name in before}
    for module, answer in kept.answers.items():
        for place in answer.providers():
            name = changed.get(place.path)
            if name is None:
                continue
            now = modules.content(paths[name]).split(b"\n", place.line)[: place.line]
            if before[name].split(b"\n", place.line)[: place.line] != now:
                yield module
                break
