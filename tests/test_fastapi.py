"""What is reported of a dependency is what FastAPI does with it: several releases are asked.

The first run makes a virtual environment for each release but the newest, which is the one beside
pytest. They are kept in pytest's cache. Where there is no package index,
``MYPY_ASYNCSESSION_OFFLINE=1`` skips the releases that are not there yet.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import pytest

from tests.harness import serve
from tests.harness.dependencies import (
    PACKAGE,
    Dependency,
    read_dependencies,
    write_applications,
)
from tests.harness.environments import NoEnvironmentError, environment
from tests.harness.workspace import write_toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

OFFLINE: Final = "MYPY_ASYNCSESSION_OFFLINE"
NEWEST: Final = installed("fastapi")
#: The last that injects context managers, the first that does not, one from long before, and now.
RELEASES: Final = (
    pytest.param("0.115.14", marks=pytest.mark.long),
    pytest.param("0.123.4", marks=pytest.mark.long),
    pytest.param("0.123.5", marks=pytest.mark.long),
    NEWEST,
)
DEPENDENCIES: Final = read_dependencies()

_LONGEST: Final = 300
_CHECK: Final = "import sys; from mypy_asyncsession.cli import main; sys.exit(main())"


T = TypeVar("T")


class BrokenError(Exception):
    """What was run did not get through, so that it says nothing."""


@dataclass(frozen=True)
class Releases:
    """What each release does, and what is reported for it; found out when it is asked for.

    Attributes:
        applications: The directory with the applications.
        environments: The directory with the virtual environments.
    """

    applications: Path
    environments: Path
    served: dict[str, Future[dict[str, str]]]
    reported: dict[str, Future[dict[str, set[str]]]]

    def interpreter(self, release: str) -> Path:
        """A Python that has a release of FastAPI."""
        if release == NEWEST:
            return Path(sys.executable)
        return environment(self.environments, release)

    def serve(self, release: str) -> dict[str, str]:
        """What a release makes of each dependency."""
        names = [f"{PACKAGE}.{each.name}" for each in DEPENDENCIES if each.can_run]
        command = (str(self.interpreter(release)), "-B", serve.__file__, str(self.applications))
        output = self._run(self.applications, (0,), *command, *names)
        running, *lines = map(json.loads, output.splitlines())
        assert running == release
        return {line["name"].rpartition(".")[2]: line["outcome"] for line in lines}

    def report(self, release: str) -> dict[str, set[str]]:
        """The codes that are reported for each application, for a project on a release."""
        settings = self.applications / f"{release}.toml"
        write_toml(settings, {"tool": {"mypy-asyncsession": {"fastapi-version": release}}})
        options = ("--config-file", str(settings), "--cache-dir", release)
        return self.check(self.applications, *options, PACKAGE)

    def check(self, directory: Path, *arguments: str) -> dict[str, set[str]]:
        """The codes that ``check`` reports for each module."""
        # The cores have enough to do.
        command = ("-c", _CHECK, "check", "--output", "json", "--workers", "0")
        output = self._run(directory, (0, 1), sys.executable, *command, *arguments)
        codes: dict[str, set[str]] = {}
        for line in map(json.loads, output.splitlines()):
            codes.setdefault(Path(line["file"]).stem, set()).add(line["code"])
        return codes

    def _run(self, directory: Path, good: tuple[int, ...], *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        if done.returncode not in good:
            raise BrokenError(done.stderr[-2000:])
        return done.stdout


def selected(request: pytest.FixtureRequest) -> list[str]:
    """The releases that the tests of this file are about that are about to run."""
    found = {
        item.callspec.params.get("release")
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    return sorted(each for each in found if isinstance(each, str))


@pytest.fixture(scope="module")
def releases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Releases]:
    """All that is to be found out, side by side on the machine's cores."""
    applications = tmp_path_factory.mktemp("fastapi")
    write_applications(applications, DEPENDENCIES)
    cache = getattr(request.config, "cache", None)  # none with "-p no:cacheprovider"
    environments = cache.mkdir("fastapi") if cache else tmp_path_factory.mktemp("environments")
    made = Releases(applications, environments, {}, {})
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        wanted = selected(request)
        for release in wanted:
            made.served[release] = pool.submit(made.serve, release)
        for release in wanted:
            made.reported[release] = pool.submit(made.report, release)
        yield made
        pool.shutdown(cancel_futures=True)


def found_out(future: Future[T]) -> T:
    """What was found out; the test fails, in short, if that was not possible."""
    try:
        return future.result()
    except NoEnvironmentError:
        pytest.skip("there is no environment: test_there_is_an_environment says why")
    except BrokenError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize("release", RELEASES)
def test_there_is_an_environment(release: str, releases: Releases) -> None:
    error = releases.served[release].exception()
    if isinstance(error, NoEnvironmentError):
        if os.environ.get(OFFLINE) == "1":
            pytest.skip(f"{OFFLINE}: no environment with FastAPI {release}")
        pytest.fail(
            f"no environment with FastAPI {release} can be made; {OFFLINE}=1 leaves out those "
            f"that are not there\n{error}",
            pytrace=False,
        )


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=lambda dependency: dependency.name)
def test_what_fastapi_does(dependency: Dependency, release: str, releases: Releases) -> None:
    if not dependency.can_run:
        pytest.skip(f"its syntax is that of Python {dependency.python}")
    outcome = found_out(releases.served[release])[dependency.name]
    expected = dependency.outcome(release)
    assert (outcome[: len(expected)] if expected.startswith("fails") else outcome) == expected


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=lambda dependency: dependency.name)
def test_what_is_reported(dependency: Dependency, release: str, releases: Releases) -> None:
    codes = found_out(releases.reported[release]).get(dependency.name, set())
    assert codes == dependency.codes(release)


def test_the_release_that_is_installed_decides(releases: Releases, tmp_path: Path) -> None:
    (dependency,) = (each for each in DEPENDENCIES if each.name == "wraps_generator")
    assert dependency.codes("0.123.4") != dependency.codes(NEWEST)
    write_applications(tmp_path, [dependency])
    try:
        python = releases.interpreter("0.123.4")
    except NoEnvironmentError:
        pytest.skip("there is no environment: test_there_is_an_environment says why")
    write_toml(tmp_path / "pyproject.toml", {"tool": {"mypy": {"python_executable": str(python)}}})
    codes = releases.check(tmp_path, PACKAGE)
    assert codes == {dependency.name: dependency.codes("0.123.4")}
