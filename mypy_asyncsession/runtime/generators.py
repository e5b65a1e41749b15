"""Async generators that are begun, and those that are dropped before their end."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from mypy_asyncsession.runtime.monitor import give_up
from mypy_asyncsession.runtime.opened import place_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from mypy_asyncsession.runtime.opened import Place

    Generator = AsyncGenerator[Any, Any]
    Hook = Callable[[Generator], Any]

#: How many generators may die at once and still be known when the hooks are called for them.
_DYING = 10_000


class Watcher(Protocol):
    """Who wants to know of generators."""

    tag: object

    def samples(self) -> bool:
        """Whether the next one is among those that are watched."""

    def dropped(self, generator: Generator, begun: Begun, tag: object) -> None:
        """It was found before its end. The collector is calling: take no lock."""


class Begun:
    """What is known of a generator that has begun.

    Attributes:
        reference: The generator.
        created: The line that began it.
        watchers: Who watches it, each with what was going on for it.
    """

    __slots__ = ("created", "reference", "watchers")

    def __init__(
        self,
        reference: weakref.ref[Generator],
        created: Place,
        watchers: tuple[tuple[Watcher, object], ...],
    ) -> None:
        self.reference = reference
        self.created = created
        self.watchers = watchers


class _Generators:
    """What watches, in this process. What is put in place for it goes with the last watcher."""

    def __init__(self) -> None:
        self.watchers: tuple[Watcher, ...] = ()
        # By identity, because a weak reference is dead when the collector says what it found.
        self.begun: dict[int, Begun] = {}
        self._dying: dict[int, Begun] = {}
        self._set_hooks: _SetHooks | None = None

    def add(self, watcher: Watcher) -> None:
        """Have a watcher told of generators, in the loops of all threads."""
        self.watchers = (*self.watchers, watcher)
        hooks = sys.get_asyncgen_hooks()
        if sys.set_asyncgen_hooks is not self._set_hooks:
            # A loop sets hooks of its own whenever it begins to run, and it looks the function up
            # in `sys` for that: so this is where ours can go around them.
            self._set_hooks = _SetHooks(sys.set_asyncgen_hooks)
            sys.set_asyncgen_hooks = self._set_hooks
        assert self._set_hooks is not None
        self._set_hooks(*hooks)

    def remove(self, watcher: Watcher) -> None:
        """Tell a watcher nothing more."""
        self.watchers = tuple(each for each in self.watchers if each is not watcher)
        if self.watchers:
            return
        self.begun.clear()
        self._dying.clear()
        if self._set_hooks is not None and sys.set_asyncgen_hooks is self._set_hooks:
            sys.set_asyncgen_hooks = self._set_hooks.original
            self._set_hooks = None
        hooks: Any = sys.get_asyncgen_hooks()
        if isinstance(hooks.firstiter, _First) and isinstance(hooks.finalizer, _Last):
            sys.set_asyncgen_hooks(hooks.firstiter.original, hooks.finalizer.original)

    def remember(self, generator: Generator) -> None:
        """Remember where a generator was begun. Nothing is raised: it is about to run."""
        if not self.watchers:
            return
        try:
            key = id(generator)
            if self._dying:
                self._dying.pop(key, None)
            if self.begun:
                self.begun.pop(key, None)
            sampled = [each for each in self.watchers if each.samples()]
            if sampled:
                watchers = tuple((each, each.tag) for each in sampled)
                reference = weakref.ref(generator, lambda _: self._died(key))
                created = place_of(sys._getframe(2))  # noqa: SLF001
                self.begun[key] = Begun(reference, created, watchers)
        except Exception:  # noqa: BLE001 - whatever it is, it is no business of the generator's
            give_up("a generator could not be looked at")

    def look_at(self, generator: Generator) -> None:
        """Look at one that was found un-exhausted. Nothing is raised: it is to be closed yet."""
        try:
            key = id(generator)
            begun = self._dying.pop(key, None) or self.begun.pop(key, None)
            for watcher, tag in begun.watchers if begun is not None else ():
                watcher.dropped(generator, begun, tag)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - or nobody would close the generator
            give_up("a generator could not be looked at")

    def unfinished(self, watcher: Watcher) -> Iterator[tuple[Generator, object]]:
        """What a watcher watches and has not ended, with what was going on as it was begun."""
        for begun in list(self.begun.values()):
            generator: Any = begun.reference()
            if generator is not None and generator.ag_frame is not None:
                for each, tag in begun.watchers:
                    if each is watcher:
                        yield generator, tag

    def _died(self, key: int) -> None:
        """Keep what is known of a generator for the hook that is called next, if it is called."""
        begun = self.begun.pop(key, None)
        if begun is not None:
            self._dying[key] = begun
            if len(self._dying) > _DYING:
                self._dying.pop(next(iter(self._dying)), None)


GENERATORS = _Generators()


class _First:
    """The hook for a generator that begins, around another one."""

    def __init__(self, original: Hook) -> None:
        self.original = original

    def __call__(self, generator: Generator) -> None:
        GENERATORS.remember(generator)
        self.original(generator)


class _Last:
    """The hook for a generator that is collected un-exhausted, around another one."""

    def __init__(self, original: Hook) -> None:
        self.original = original

    def __call__(self, generator: Generator) -> None:
        GENERATORS.look_at(generator)
        self.original(generator)


class _SetHooks:
    """``sys.set_asyncgen_hooks`` that puts hooks of ours around what it is given.

    Where no hook is given, there is no loop that closes what is dropped, and none is put there.
    """

    def __init__(self, original: Any) -> None:
        self.original = original

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        given = dict(zip(("firstiter", "finalizer"), args, strict=False)) | kwargs
        for name, around in (("firstiter", _First), ("finalizer", _Last)):
            hook = given.get(name)
            if hook is not None and not isinstance(hook, (_First, _Last)):
                given[name] = around(hook)
        self.original(**given)
