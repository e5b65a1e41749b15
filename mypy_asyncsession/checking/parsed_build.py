"""One program, looked at without mypy's semantic analysis: its modules are only parsed."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from mypy_asyncsession.checking.shared_work import shared
from mypy_asyncsession.plugin.codes import declare
from mypy_asyncsession.plugin.internals import ParsedBuild
from mypy_asyncsession.plugin.module_pass import ModulePass
from mypy_asyncsession.plugin.settings import settings
from mypy_asyncsession.semantic.declarations.program import ParsedProgram
from mypy_asyncsession.semantic.declared import Declared
from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.semantic.from_mypy_types import Types
from mypy_asyncsession.semantic.leads import Leads
from mypy_asyncsession.semantic.overlays import Overlays

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from mypy.modulefinder import BuildSource
    from mypy.nodes import MypyFile
    from mypy.options import Options


def look(
    sources: Sequence[BuildSource],
    options: Options,
    flush: Callable[[str, list[str]], None],
    only: frozenset[str] = frozenset(),
) -> Mapping[str, os.stat_result | None] | list[BuildSource]:
    """Look at the modules of a program, one after the other.

    Args:
        sources: The modules.
        options: mypy's options; the file that they name has our settings.
        flush: Called for each module with its path and what was found there, a JSON object each.
        only: The paths of the modules to look at; all of them if empty.

    Returns:
        What was asked about on disk; ``None`` for what was not there. Or the modules that cannot
        be parsed, if there are any: then nothing was looked at.
    """
    config = settings(options.config_file)
    declare(config.error_codes)
    options.process_error_codes(error_callback=lambda _message: None)
    build = ParsedBuild(list(sources), options)
    program = ParsedProgram(build.find, build.parse, is_foreign)
    build.modules = program.modules
    types = Types(frozenset(config.config.resources), program.type_of)
    overlays = Overlays(config.folders())
    overlays.begin(build.parse)
    declared = Declared(overlays, program, types)
    module_pass = ModulePass(build, program, types, None, declared, {}, settings=config)
    gc.disable()  # nothing of a tree is garbage
    trees = [program.modules.get(source.module) for source in sources]
    unreadable = [source for source, tree in zip(sources, trees, strict=True) if tree is None]
    if unreadable:
        return unreadable
    leads = module_pass.leads = Leads(config.config.resources)
    for tree in filter(None, trees):
        leads.add(tree)
    leads.follow()
    if not config.survey:
        program.concerns = leads.concerns
    gc.freeze()
    gc.enable()
    wanted = [tree for tree in filter(None, trees) if not only or tree.path in only]
    concerned = [tree for tree in wanted if config.survey or leads.concerns_module(tree.fullname)]
    for path in {tree.path for tree in wanted} - {tree.path for tree in concerned}:
        flush(path, [])

    def examine(tree: MypyFile) -> list[str]:
        build.turn_to(tree)
        module_pass.run(tree)
        return build.messages(tree.path)

    asked: dict[str, os.stat_result | None] = {}
    for position, result in shared(concerned, examine, build.looked_at, options.num_workers):
        if position < 0:
            asked.update(result)
        else:
            flush(concerned[position].path, result)
    return {**asked, **build.looked_at()}
