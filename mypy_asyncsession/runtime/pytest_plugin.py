"""For pytest: ``--session-leaks=error`` fails a test that leaves a session or its provider open.

Without the option nothing is loaded and nothing is watched.
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
_RESOURCES = "session_leaks_resources"


class SessionLeakWarning(UserWarning):
    """A session or its provider was left to the garbage collector."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting."""
    group = parser.getgroup("mypy-asyncsession", "sessions")
    group.addoption(
        _OPTION,
        choices=("error", "warn"),
        default=None,
        help="fail the test, or warn, if it leaves a session or its provider to the collector",
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
    if mode is None:
        return
    try:
        plugin = _SessionLeaks(mode, config.getini(_RESOURCES))
    except ValueError as error:
        raise pytest.UsageError(f"{_RESOURCES}: {error}") from None
    config.pluginmanager.register(plugin, "mypy-asyncsession-leaks")


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
        text = "\n".join(map(str, leaks))
        if outcome.excinfo is not None:
            # The test has failed of something else, which is what is to be seen.
            item.add_report_section(phase, "session leaks", text)
        elif self._is_error:
            outcome.force_exception(pytest.fail.Exception(text, pytrace=False))
        else:
            try:
                for leak in leaks:
                    _warn(leak)
            except SessionLeakWarning as warning:  # the project turns warnings into errors
                outcome.force_exception(warning)

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


def _warn(leak: Leak) -> None:
    path, _, line = leak.created.rpartition(":")
    warnings.warn_explicit(str(leak), SessionLeakWarning, path or __file__, int(line or 0))
