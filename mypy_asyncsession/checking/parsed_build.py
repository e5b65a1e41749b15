"""One program, looked at without mypy's semantic analysis: its modules are only parsed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.checking.kept_answers import Answer, Imports, KeptAnswers, keep
from mypy_asyncsession.checking.parsed_modules import ParsedModules
from mypy_asyncsession.checking.shared_work import shared
from mypy_asyncsession.checking.stale_answers import stale
from mypy_asyncsession.checking.unsettled import Unsettled
from mypy_asyncsession.plugin.parsed_answers import FEW

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.options import Options

    from mypy_asyncsession.checking.kept_answers import Keeping


def look(
    sources: Sequence[BuildSource],
    options: Options,
    flush: Callable[[str, list[str]], None],
    only: frozenset[str] = frozenset(),
    *,
    keeping: Keeping | None = None,
    anyway: bool = False,
    ask: Callable[[Unsettled], None] = lambda _unsettled: None,
) -> Mapping[str, os.stat_result | None] | list[BuildSource]:
    """Look at the modules of a program, one after the other.

    Args:
        sources: The modules.
        options: mypy's options; the file that they name has our settings.
        flush: Called for each module with its path and what was found there, a JSON object each.
        only: The paths of the modules to look at; all of them if empty.
        keeping: What is kept of it, and what may be used of what was kept before.
        anyway: Whether to look at the others where some cannot be parsed.
        ask: Called with the modules that hold what only mypy can decide, if there are any.

    Returns:
        What was asked about on disk; ``None`` for what was not there. Or the modules that cannot
        be parsed, if there are any: then nothing was looked at.
    """
    wanted = [source for source in sources if not only or source.path in only]
    kept = KeptAnswers.read(keeping) if keeping is not None else None
    texts: dict[str, bytes] = {}
    modules = ParsedModules(sources, options, texts if kept is not None else None)
    gone: set[str] = set()
    if keeping is not None and kept is not None:
        gone = kept.answers.keys() - {source.module for source in sources}
        changed = [
            source
            for source in sources
            if source.path in keeping.changed
            or source.module not in kept.answers
            or source.path != kept.answers[source.module].path
        ]
        wanted = stale(kept, changed, gone, sources, modules, texts)
    unreadable: list[BuildSource] = []
    if len(wanted) > FEW:
        unreadable = modules.narrow(sources)
    else:
        unreadable = [source for source in wanted if not modules.has(source.module)]
    if unreadable and not anyway:
        return unreadable
    if kept is not None:
        again = gone.union(source.module for source in wanted)
        for module, answer in kept.answers.items():
            if module not in again:
                flush(answer.path, answer.messages)
    concerned = [source.module for source in wanted if modules.concerns(source.module)]
    found = {
        source.module: Answer(source.path, [], [])
        for source in wanted
        if source.path is not None and not modules.concerns(source.module)
    }
    for answer in found.values():
        flush(answer.path, answer.messages)
    asked: dict[str, os.stat_result | None] = {}
    imports: dict[str, Imports] = {}

    def last() -> tuple[Mapping[str, os.stat_result | None], dict[str, Imports]]:
        return modules.looked_at(), modules.imports() if keeping is not None else {}

    for position, result in shared(concerned, modules.look, last, options.num_workers):
        if position < 0:
            asked.update(result[0])
            imports.update(result[1])
        elif result is not None:
            found[concerned[position]] = result
            flush(result.path, result.messages)
    unsettled = Unsettled()
    for module, answer in found.items():
        if answer.unsettled:
            needed = modules.needed(module)
            unsettled.asked.append(answer.path)
            unsettled.needed.extend(
                each.path for each in sources if each.path is not None and each.module in needed
            )
            found[module] = answer._replace(leaned=sorted(needed.union(answer.leaned) - {module}))
    if unsettled.asked:
        ask(unsettled)
    if keeping is not None and not unreadable:
        imports.update(modules.imports())
        read = ((source.module, modules.content(source)) for source in wanted)
        keep(keeping, read, found, imports, anew=kept is None, gone=gone)
    return {**asked, **modules.looked_at()}
