"""What is changed when mypy stops or crashes, with outcomes that are made up."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from typing_extensions import Self

from mypy_asyncsession.checking import build
from mypy_asyncsession.checking.build import Job, Stop
from mypy_asyncsession.checking.build_retries import MOST, BuildRetries, Plan, Trouble
from mypy_asyncsession.checking.process import Outcome
from mypy_asyncsession.checking.programs import Program, Source
from mypy_asyncsession.checking.report import CannotRun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mypy_asyncsession.checking.process import Builder


@dataclass
class Builders:
    """Stands in for the processes that build: each has one outcome."""

    outcomes: list[Outcome]
    jobs: list[Job] = field(default_factory=list)

    def __call__(self) -> Builder:
        return cast("Builder", self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def build(
        self,
        job: Job,
        _on_module: Callable[[], None],
        _meanwhile: Callable[[], None] = lambda: None,
    ) -> Outcome:
        self.jobs.append(job)
        return self.outcomes[min(len(self.jobs), len(self.outcomes)) - 1]


DONE = Outcome(errors=[{"message": "found"}])


def attempts(tmp_path: Path, *outcomes: Outcome, workers: int = 0) -> tuple[BuildRetries, Builders]:
    builders = Builders([*outcomes])
    program = Program(
        name="/p",
        sources=(Source("/p/a.py", "a", "a"), Source("/p/b/__init__.py", "b", "b")),
        search=("/p", "/lib"),
    )
    plan = Plan(
        options={"num_workers": workers},
        modules={},
        cache=tmp_path / "cache",
        settings=lambda codes: ",".join(sorted(codes)),
        error_codes=frozenset({"known"}),
        placeholder=lambda package: "/package" if package else "/module",
    )
    return BuildRetries(program, plan, builders, set()), builders


def stopped(*messages: str, path: str | None = None, unreadable: Any = ()) -> Outcome:
    return Outcome(stop=Stop(list(messages), path, list(unreadable)))


def blocker(path: str, line: int, message: str, code: str | None = None) -> str:
    fields = {"file": path, "line": line, "severity": "error", "code": code, "message": message}
    return json.dumps(fields)


def crashed(text: str, *, killed: bool = False) -> Outcome:
    return Outcome(crash=text, killed=killed)


def run(attempt: BuildRetries) -> list[dict[str, Any]]:
    return attempt.build(lambda: None)


def test_nothing_in_the_way(tmp_path: Path) -> None:
    attempt, builders = attempts(tmp_path, DONE)
    assert run(attempt) == [{"message": "found"}]
    (job,) = builders.jobs
    assert job.sources == [("/p/a.py", "a"), ("/p/b/__init__.py", "b")]
    assert job.search == ["/p", "/lib"]
    assert job.options["config_file"] == "known"


def test_all_that_cannot_be_parsed_is_left_out_at_once(tmp_path: Path) -> None:
    unreadable = [("/p/a.py", 3, "Invalid"), ("/p/b/__init__.py", 0, "Cannot decode file")]
    attempt, builders = attempts(
        tmp_path, stopped(blocker("/p/a.py", 3, "Invalid", "syntax"), unreadable=unreadable), DONE
    )
    run(attempt)
    assert builders.jobs[1].sources == [("/module", "a"), ("/package", "b")]
    assert attempt.troubles == [Trouble(*each) for each in unreadable]


def test_what_an_import_led_to_is_replaced(tmp_path: Path) -> None:
    attempt, builders = attempts(tmp_path, stopped(blocker("/lib/c.py", 1, "Bad")), DONE)
    run(attempt)
    assert builders.jobs[1].sources == builders.jobs[0].sources
    assert builders.jobs[1].options["shadow_file"] == [["/lib/c.py", "/module"]]
    assert attempt.troubles == [Trouble("/lib/c.py", 1, "Bad")]


def test_what_does_not_stop_mypy_is_not_left_out(tmp_path: Path) -> None:
    outcome = stopped(
        blocker("/p/b/__init__.py", 1, "Needs a newer Python", "syntax"),
        blocker("/p/b/__init__.py", 2, "Ours", "session-with"),
        blocker("/p/a.py", 4, '"break" outside loop', "syntax"),
        path="/p/a.py",
    )
    attempt, _ = attempts(tmp_path, outcome, DONE)
    run(attempt)
    assert attempt.troubles == [Trouble("/p/a.py", 4, '"break" outside loop')]


def test_a_message_without_a_place_in_json(tmp_path: Path) -> None:
    message = "/lib/c.py: error: Cannot read file: Permission denied"
    attempt, _ = attempts(tmp_path, stopped(message), DONE)
    run(attempt)
    assert attempt.troubles == [Trouble("/lib/c.py", 0, "Cannot read file: Permission denied")]


@pytest.mark.parametrize(
    ("one", "other", "skipped"),
    [
        ("app.db", "backend.app.db", "backend.app.*"),
        ("backend.app.db", "app.db", "app.*"),
        ("db", "app.db", "app.db.*"),
        ("a.x.db", "b.y.db", "b.y.db.*"),
    ],
)
def test_a_second_name_is_skipped(tmp_path: Path, one: str, other: str, skipped: str) -> None:
    message = f'Source file found twice under different module names: "{one}" and "{other}"'
    attempt, builders = attempts(tmp_path, stopped(blocker("/p/a.py", -1, message)), DONE)
    run(attempt)
    assert builders.jobs[1].modules == {skipped: {"follow_imports": "skip"}}
    assert attempt.troubles == []


def test_a_directory_that_shadows_the_library_is_not_searched(tmp_path: Path) -> None:
    message = 'This file shadows library module "types"'
    attempt, builders = attempts(tmp_path, stopped(blocker("/lib/types.py", -1, message)), DONE)
    run(attempt)
    assert builders.jobs[1].search == ["/p"]


def test_a_crash_at_a_file(tmp_path: Path) -> None:
    crash = "noise\n/p/a.py:12: error: INTERNAL ERROR -- Please try\n"
    attempt, builders = attempts(tmp_path, crashed(crash), DONE)
    run(attempt)
    # The bodies of functions without annotations are a likely place.
    assert builders.jobs[1].modules == {"a": {"check_untyped_defs": False}}
    assert attempt.troubles == [
        Trouble("/p/a.py", 12, "mypy crashes here", left_out=False, lasting=False)
    ]


def test_a_second_crash_at_a_file(tmp_path: Path) -> None:
    crash = crashed("/p/a.py:12: error: INTERNAL ERROR -- Please try\n")
    alone = Outcome(errors=[{"message": "found without types"}])
    attempt, builders = attempts(tmp_path, crash, crash, DONE, alone)
    assert run(attempt) == [{"message": "found"}, {"message": "found without types"}]
    assert builders.jobs[2].sources == [("/module", "a"), ("/p/b/__init__.py", "b")]
    # It is parsed alone in the end, and looked at without mypy's types.
    assert builders.jobs[3].sources == [("/p/a.py", "a"), ("/p/b/__init__.py", "b")]
    assert (builders.jobs[3].parsed, builders.jobs[3].only) == (True, ["/p/a.py"])
    (trouble,) = attempt.troubles
    assert trouble == Trouble("/p/a.py", 12, "mypy crashes here", lasting=False, parsed=True)


def test_what_cannot_even_be_parsed_is_left_out(tmp_path: Path) -> None:
    crash = crashed("/p/a.py:12: error: INTERNAL ERROR -- Please try\n")
    attempt, _ = attempts(tmp_path, crash, crash, DONE, crashed("", killed=True))
    assert run(attempt) == [{"message": "found"}]
    assert attempt.troubles == [Trouble("/p/a.py", 12, "mypy crashes here", lasting=False)]
    assert not attempt.crashing


def test_a_crash_at_a_file_that_an_import_led_to(tmp_path: Path) -> None:
    crash = crashed("/lib/c.py: error: INTERNAL ERROR -- Please try\n")
    attempt, builders = attempts(tmp_path, crash, DONE)
    run(attempt)
    assert builders.jobs[1].options["shadow_file"] == [["/lib/c.py", "/module"]]
    assert attempt.troubles == [Trouble("/lib/c.py", 0, "mypy crashes here", lasting=False)]


def test_a_crash_on_the_code_of_another_plugin(tmp_path: Path) -> None:
    file = tmp_path / "c.py"
    file.write_text('# mypy: disable-error-code="foreign"\n')
    crash = f"{file}: error: INTERNAL ERROR -- Please try\n"
    attempt, builders = attempts(tmp_path, crashed(crash), DONE)
    run(attempt)
    assert builders.jobs[1].options["config_file"] == "foreign,known"
    assert attempt.troubles == []


def test_a_crash_without_a_place(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    attempt, builders = attempts(tmp_path, crashed("Traceback\nOSError: lost\n"), workers=2)
    with pytest.raises(CannotRun) as caught:
        run(attempt)
    assert str(caught.value) == (
        "mypy crashed (OSError: lost): --show-traceback shows where, so that it can be reported"
    )
    # Without workers, then without what was cached, then not any more.
    assert [job.options["num_workers"] for job in builders.jobs] == [2, 0, 0]
    assert not (tmp_path / "cache").exists()


def test_an_overflow_of_the_stack(tmp_path: Path) -> None:
    found = Outcome(crash="exit status -11", killed=True, at="/p/a.py")
    attempt, builders = attempts(tmp_path, crashed("", killed=True), found, DONE)
    run(attempt)
    assert [job.search_only for job in builders.jobs] == [False, True, False]
    assert attempt.troubles == [Trouble("/p/a.py", 0, "it is nested too deeply for mypy")]


def test_what_the_plugin_says(tmp_path: Path) -> None:
    attempt, _ = attempts(tmp_path, stopped("mypy-asyncsession: error: mypy 2.3 is too old"))
    with pytest.raises(CannotRun, match=r"^mypy 2\.3 is too old$"):
        run(attempt)


def test_a_mypy_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mypy_asyncsession.plugin.internals.verify", lambda _: "mypy 2.3 is old")
    out = io.StringIO()
    build.run(Job([]), out)
    what, fields = json.loads(out.getvalue())
    assert (what, Stop(**fields).messages) == (
        "stopped",
        ["mypy-asyncsession: error: mypy 2.3 is old"],
    )


def test_the_same_again_is_the_end(tmp_path: Path) -> None:
    attempt, builders = attempts(tmp_path, stopped(blocker("/p/a.py", 1, "Bad")))
    with pytest.raises(CannotRun, match=r"^mypy stopped at /p/a\.py:1: Bad$"):
        run(attempt)
    assert len(builders.jobs) == 2


def test_it_ends(tmp_path: Path) -> None:
    outcomes = [stopped(blocker(f"/lib/{number}.py", 1, "Bad")) for number in range(MOST + 1)]
    attempt, builders = attempts(tmp_path, *outcomes)
    with pytest.raises(CannotRun, match=f"mypy stopped {MOST} times"):
        run(attempt)
    assert len(builders.jobs) == MOST
