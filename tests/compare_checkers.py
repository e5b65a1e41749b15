"""What other checkers say of this project's cases: the table in the README.

usage: python tests/compare_checkers.py VENV

VENV is a virtual environment with this project, its development requirements and the checkers;
it is made if it is not there. Writes ``tests/comparison.json`` and the table in ``README.md``.

Of each rule the wrong lines of its cases are counted, and those of them on which, or in whose
statement, a checker reports any error at all. A false alarm is a function of the cases that is
right (its name begins so) and in which it reports an error. What a checker says of imports and of
unused code does not count. Comments that silence other checkers are taken out of the wrong lines.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mypy_asyncsession import __version__
from mypy_asyncsession.codes import CODES
from tests.harness.case import Case, read_cases
from tests.harness.statements import headers
from tests.harness.workspace import TEST_DATA, Workspace, batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parent.parent
STORED: Final = ROOT / "tests" / "comparison.json"
BEGIN: Final = "<!-- The table is made by tests/compare_checkers.py. -->\n"
END: Final = "<!-- The end of the table. -->\n"

#: What is installed beside this project.
CHECKERS: Final = ("mypy", "pyright", "ty", "pyrefly", "zuban", "pylint")

#: The file and the line of an error.
Place = tuple[str, int]

_IGNORED: Final = re.compile(
    r"import-error|no-name-in-module|missing-import|unresolved-import|reportMissing\w+"
    r"|import-not-found|import-untyped|missing-module-attribute"
)
_TEXT: Final = re.compile(r"(?P<path>[^:\s]+\.pyi?):(?P<line>\d+):(?:\d+:)?\s*error\b(?P<rest>.*)")
_PYREFLY: Final = re.compile(r"\s*ERROR (?P<path>[^:]+\.pyi?):(?P<line>\d+):(?P<rest>.*)")


@dataclass(frozen=True)
class Checker:
    """How a checker is run.

    Attributes:
        command: Its arguments; ``PYTHON`` stands for the environment's interpreter, ``VENV`` for
            the environment.
        read: Reads the places of errors from what it prints.
        config: Whether it reads the cases' configuration of mypy, plugin included.
    """

    command: tuple[str, ...]
    read: Callable[[str], Iterator[tuple[str, int, str]]]
    config: bool = False


def _read_lines(pattern: re.Pattern[str]) -> Callable[[str], Iterator[tuple[str, int, str]]]:
    def read(output: str) -> Iterator[tuple[str, int, str]]:
        for line in output.splitlines():
            match = pattern.match(line)
            if match is not None:
                yield match["path"], int(match["line"]), match["rest"]

    return read


def _read_ours(output: str) -> Iterator[tuple[str, int, str]]:
    for path, line, rest in _read_lines(_TEXT)(output):
        code = rest.rpartition("[")[2].rstrip("]")
        if code in CODES:
            yield path, line, rest


def _read_pyright(output: str) -> Iterator[tuple[str, int, str]]:
    for found in json.loads(output)["generalDiagnostics"]:
        if found["severity"] == "error":
            yield found["file"], found["range"]["start"]["line"] + 1, found.get("rule", "")


def _read_pylint(output: str) -> Iterator[tuple[str, int, str]]:
    for found in json.loads(output)["messages"]:
        if found["type"] in ("error", "fatal"):
            yield found["path"], found["line"], found["symbol"]


MYPY: Final = ("--no-error-summary", "--no-pretty", "--no-color-output", "--check-untyped-defs")
RUNS: Final[Mapping[str, Checker]] = {
    "this plugin": Checker(("python", "-m", "mypy", *MYPY, "."), _read_ours, config=True),
    "mypy": Checker(("python", "-m", "mypy", *MYPY, "."), _read_lines(_TEXT)),
    "pyright": Checker(
        ("pyright", "--outputjson", "--pythonpath", "PYTHON", "."), _read_pyright
    ),
    "ty": Checker(
        ("ty", "check", "--output-format", "concise", "--python", "VENV", "."), _read_lines(_TEXT)
    ),
    "pyrefly": Checker(
        (
            "pyrefly", "check", "--output-format", "min-text",
            "--preset", "default", "--python-interpreter-path", "PYTHON", "--search-path=.", ".",
        ),
        _read_lines(_PYREFLY),
    ),
    "zuban": Checker(
        ("zuban", "check", "--python-executable", "PYTHON", "."), _read_lines(_TEXT)
    ),
    "pylint": Checker(
        ("pylint", "--errors-only", "--output-format=json2", "--recursive=y", "--jobs=2", "."),
        _read_pylint,
    ),
}  # fmt: skip


def cases() -> dict[str, list[Case]]:
    """The cases of each rule, with the comments that silence other checkers taken out."""
    return {
        code: [_outspoken(case) for case in read_cases(TEST_DATA / f"{code}.test")]
        for code in CODES
    }


def _outspoken(case: Case) -> Case:
    tree = {
        path: "\n".join(
            re.sub(r"# type: ignore\[[\w-]+\]\s*(?=# E: )", "", line) for line in text.split("\n")
        )
        for path, text in case.tree(1).items()
    }
    return replace(case, trees=(tree,))


def right_functions(case: Case) -> Iterator[set[Place]]:
    """The lines of each function that is right."""
    for path, text in case.tree(1).items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.lstrip(
                "_"
            ).startswith("right"):
                lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
                yield {(f"{case.package}/{path}", line) for line in lines}


def wrong_lines(case: Case) -> Iterator[tuple[str, set[Place]]]:
    """The code of each wrong line, and the lines of its statement."""
    spans = {path: headers(text) for path, text in case.tree(1).items()}
    for mark in case.marks(1):
        if mark.code in CODES:
            lines = spans[mark.path].get(mark.line, range(mark.line, mark.line + 1))
            yield mark.code, {(f"{case.package}/{mark.path}", line) for line in lines}


def errors(checker: Checker, venv: Path, cases: list[Case]) -> set[Place]:
    """Where a checker reports errors in some cases."""
    found: set[Place] = set()
    for batch in batches(cases):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            Workspace(root, batch).write(1)
            if not checker.config:
                (root / "pyproject.toml").unlink()
            scripts = venv / "bin"
            words = {"PYTHON": str(scripts / "python"), "VENV": str(venv)}
            program, *arguments = (words.get(word, word) for word in checker.command)
            done = subprocess.run(
                [str(scripts / program), *arguments],
                cwd=root,
                capture_output=True,
                text=True,
                check=False,
            )
            places = list(checker.read(done.stdout))
            if not places and done.returncode not in (0, 1):
                sys.exit(f"{program}: {done.stdout[-500:]}{done.stderr[-500:]}")
            for path, line, rest in places:
                if not _IGNORED.search(rest):
                    relative = (root / path).resolve().relative_to(root).as_posix()
                    found.add((relative, line))
    return found


def compare(venv: Path) -> dict[str, Any]:
    """Run all checkers."""
    every = [case for listed in cases().values() for case in listed]
    wrong: dict[str, list[set[Place]]] = defaultdict(list)
    for case in every:
        for code, lines in wrong_lines(case):
            wrong[code].append(lines)
    right = [lines for case in every for lines in right_functions(case)]
    caught: dict[str, dict[str, int]] = {}
    alarms: dict[str, int] = {}
    for name, checker in RUNS.items():
        places = errors(checker, venv, every)
        caught[name] = {
            code: sum(not lines.isdisjoint(places) for lines in wrong[code]) for code in CODES
        }
        alarms[name] = sum(not lines.isdisjoint(places) for lines in right)
        sys.stderr.write(f"{name}: {sum(caught[name].values())}, {alarms[name]} false alarms\n")
    return {
        "versions": {"this plugin": __version__, **_versions(venv)},
        "wrong lines": {code: len(wrong[code]) for code in CODES},
        "right functions": len(right),
        "caught": caught,
        "false alarms": alarms,
    }


def _versions(venv: Path) -> dict[str, str]:
    listed = subprocess.run(
        [str(venv / "bin" / "python"), "-m", "pip", "list", "--format=json"],
        capture_output=True,
        text=True,
        check=True,
    )
    versions = {item["name"]: item["version"] for item in json.loads(listed.stdout)}
    return {name: versions[name] for name in CHECKERS}


def table(stored: Mapping[str, Any]) -> str:
    """The table, in Markdown."""
    names = list(stored["caught"])
    heads = [f"{name} {stored['versions'][name]}" for name in names]
    wrong = stored["wrong lines"]
    rows = [
        [f"`{code}`", str(number), *(str(stored["caught"][name][code]) for name in names)]
        for code, number in wrong.items()
    ]
    total = [str(sum(stored["caught"][name].values())) for name in names]
    rows.append(["all wrong lines", str(sum(wrong.values())), *total])
    alarms = [str(stored["false alarms"][name]) for name in names]
    rows.append(["right functions, false alarms", str(stored["right functions"]), *alarms])
    lines = [["", "in the cases", *heads], ["---"] + ["--:"] * (len(names) + 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_table(text: str, stored: Mapping[str, Any]) -> str:
    """*text*, the README, with the table in its place."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError("the README has no place for the table")
    return f"{before}{BEGIN}\n{table(stored)}\n{END}{after}"


def main() -> None:
    """Run the checkers, and write down what they said."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    venv = Path(sys.argv[1]).absolute()
    if not venv.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet")
        subprocess.run([*pip, "--editable", f"{ROOT}[dev]", *CHECKERS], check=True)
    stored = compare(venv)
    STORED.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    readme = ROOT / "README.md"
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), stored), encoding="utf-8")


if __name__ == "__main__":
    main()
