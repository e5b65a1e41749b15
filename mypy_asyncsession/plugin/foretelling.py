"""What mypy is about to ask, said ahead to a process that goes through modules beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy_asyncsession.plugin.background import started
from mypy_asyncsession.plugin.parsed_answers import FEW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from mypy.modulefinder import BuildSource

    from mypy_asyncsession.plugin.background import Background
    from mypy_asyncsession.plugin.internals import Build
    from mypy_asyncsession.plugin.settings import Settings


class Foretelling:
    """Says ahead what will be asked, and has a process started for it once it is much.

    What mypy has loaded to check is known before it begins. What it checks again, because what that
    imports has changed, is known one circle of imports after the other.
    """

    def __init__(
        self,
        build: Build,
        settings: Settings,
        sources: Sequence[BuildSource],
        loaded: AbstractSet[str],
        background: Background | None,
        ask: Callable[[Background], None],
    ) -> None:
        """Say nothing yet: mypy has not decided on an order.

        Args:
            build: The build.
            settings: The project's configuration.
            sources: The project's modules.
            loaded: The modules that mypy has loaded to check, by their names.
            background: A process that goes through the project's modules already, if there is one.
            ask: Called with one that has been started, which answers from then on.
        """
        self._build = build
        self._settings = settings
        self._sources = sources
        self._own = frozenset(source.module for source in sources)
        self._loaded = loaded
        self._background = background
        self._ask = ask
        self._known: set[str] = set()
        self._much = 0
        #: Whether there can be no such process.
        self._is_over = False
        if background is not None:
            ask(background)
        self._count(loaded)

    def expect(self, module: str) -> None:
        """mypy checks a module, or is about to; what is no module is passed over."""
        if self._is_over or module in self._known:
            return
        if module in self._loaded:
            self._known |= self._loaded
            if self._background is not None:
                groups = (filter(self._loaded.__contains__, each) for each in self._build.order())
                self._background.foretell(filter(None, map(list, groups)))
            return
        circle = self._build.circle(module)
        self._known |= circle
        self._count(circle)
        if self._background is not None:
            self._background.foretell([sorted(circle)])

    def _count(self, modules: Iterable[str]) -> None:
        """Have a process started if it is much by now: a few take less time than it to start."""
        self._much += len(self._own.intersection(modules))
        if self._background is None and self._much > FEW:
            self._background = started(self._build.all_options, self._settings)
            if self._background is None:
                self._is_over = True
            else:
                self._background.begin(self._sources)
                self._ask(self._background)
