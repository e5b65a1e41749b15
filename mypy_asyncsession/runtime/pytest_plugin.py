"""For pytest: tests fail that leave a session open, or use one in two tasks at once.

``--session-leaks=error`` and ``--session-tasks=error`` do so, ``warn`` warns. Without an option
nothing is loaded and nothing is watched.
"""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_asyncsession.runtime.leaks import Leak

_OPTION = "--session-leaks"
_TASKS = "--session-tasks"
_RESOURCES = "session_leaks_resources"


class SessionLeakWarning(UserWarning):
    """A session or its provider was left to the garbage collector."""


class SharedSessionWarning(UserWarning):
    """A session was used by two tasks at once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting."""
    group = parser.getgroup("mypy-asyncsession", "sessions")
    group.addoption(
        _OPTION,
        choices=("error", "warn"),
        default=None,
        help="fail the test, or warn, if it leaves a session or its provider to the collector",
    )
    group.addoption(
        _TASKS,
        choices=("error", "warn"),
        default=None,
        help="fail the test, or warn, if two tasks use one session at once",
    )
    parser.addini(
        _RESOURCES,
        "full names of classes that count as sessions besides SQLAlchemy's",
        type="linelist",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch, if that is asked for.

    Raises:
        pytest.UsageError: A name in the setting is none of a class.
    """
    mode = config.getoption(_OPTION)
    if mode is not None:
        try:
            plugin = _SessionLeaks(mode, config.getini(_RESOURCES))
        except ValueError as error:
            raise pytest.UsageError(f"{_RESOURCES}: {error}") from None
        config.pluginmanager.register(plugin, "mypy-asyncsession-leaks")
    mode = config.getoption(_TASKS)
    if mode is not None:
        config.pluginmanager.register(_SessionTasks(mode), "mypy-asyncsession-tasks")


class _Run:
    """One run of a test; a test that is run again has another one."""

    def __init__(self, item: pytest.Item) -> None:
        self.test = item.nodeid


class _SessionLeaks:
    """Watches each test."""

    def __init__(self, mode: str, resources: list[str]) -> None:
        from mypy_asyncsession.runtime.leaks import LeakDetector

        self._is_error = mode == "error"
        # What is found is taken from it after each phase of a test.
        self._detector = LeakDetector(resources=resources, on_leak=lambda _: None).start()
        self._run: _Run | None = None
        #: What was found when the test that had begun it was over.
        self._late: list[tuple[str, Leak]] = []

    def pytest_unconfigure(self) -> None:
        self._detector.stop()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._collect(None)
        self._run = _Run(item)
        self._detector._set_tag(self._run)  # noqa: SLF001

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        outcome: Any = yield
        self._look(item, "call", outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        outcome: Any = yield
        self._look(item, "teardown", outcome)

    def _look(self, item: pytest.Item, phase: str, outcome: Any) -> None:
        leaks = self._collect(self._run)
        if not leaks:
            return
        _tell(item, phase, outcome, "session leaks", self._is_error, list(map(_leaked, leaks)))

    def _collect(self, run: _Run | None) -> list[Leak]:
        """What a run of a test has left; what others have left is kept for the end.

        All that is garbage is collected only if the run has left something open: that is slow.
        """
        detector = self._detector
        if run is not None and detector._is_any_open(run):  # noqa: SLF001
            gc.collect()
        leaks = []
        for tag, leak in detector._take():  # noqa: SLF001
            if tag is run and run is not None:
                leaks.append(leak)
            else:
                test = tag.test if isinstance(tag, _Run) else "outside of all tests"
                self._late.append((test, leak))
        return leaks

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._detector._is_any_open():  # noqa: SLF001
            gc.collect()
        self._collect(None)
        if self._late and self._is_error and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._late:
            terminalreporter.section("session leaks that were found after their test")
            for test, leak in self._late:
                terminalreporter.line(f"{test}: {leak}")


class _SessionTasks:
    """Watches the tasks of each test."""

    def __init__(self, mode: str) -> None:
        from mypy_asyncsession.runtime.tasks import TaskDetector

        self._is_error = mode == "error"
        self._detector = TaskDetector(on_shared=lambda _: None).start()

    def pytest_unconfigure(self) -> None:
        self._detector.stop()

    def pytest_runtest_setup(self) -> None:
        from mypy_asyncsession.runtime.tasks import install

        install()  # it may be a test module that loads SQLAlchemy
        self._detector.take()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        outcome: Any = yield
        self._look(item, "call", outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Iterator[None]:
        outcome: Any = yield
        self._look(item, "teardown", outcome)

    def _look(self, item: pytest.Item, phase: str, outcome: Any) -> None:
        found: list[_Found] = [
            (str(shared), SharedSessionWarning, shared.second)
            for shared in dict.fromkeys(self._detector.take())
        ]
        if found:
            _tell(item, phase, outcome, "sessions shared by tasks", self._is_error, found)


#: A text, the class of a warning of it, and its place.
_Found = tuple[str, type[Warning], str]


def _leaked(leak: Leak) -> _Found:
    return str(leak), SessionLeakWarning, leak.created


def _tell(
    item: pytest.Item, phase: str, outcome: Any, title: str, is_error: bool, found: list[_Found]
) -> None:
    """Say what was found in a phase of a test."""
    text = "\n".join(each for each, _, _ in found)
    if outcome.excinfo is not None:
        # The test has failed of something else, which is what is to be seen.
        item.add_report_section(phase, title, text)
    elif is_error:
        outcome.force_exception(pytest.fail.Exception(text, pytrace=False))
    else:
        try:
            for message, category, place in found:
                path, _, line = place.rpartition(":")
                warnings.warn_explicit(message, category, path or __file__, int(line or 0))
        except (SessionLeakWarning, SharedSessionWarning) as warning:
            outcome.force_exception(warning)  # the project turns warnings into errors
