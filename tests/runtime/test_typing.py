"""What type checkers see of what an application imports."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.harness.workspace import TEST_DATA, write_toml

if TYPE_CHECKING:
    from collections.abc import Callable

BIN: Final = Path(sys.executable).parent
TYPED: Final = (TEST_DATA / "runtime" / "typed.py").read_text(encoding="utf-8")

CHECKERS: Final[dict[str, tuple[str, Callable[[], list[str]]]]] = {
    "mypy": (
        "mypy",
        lambda: [sys.executable, "-m", "mypy", "--strict", "--config-file=mypy.toml"],
    ),
    "mypy with the plugin": (
        "mypy",
        lambda: [sys.executable, "-m", "mypy", "--strict", "--config-file=plugin.toml"],
    ),
    "pyright": (
        "pyright",
        lambda: [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
    ),
    "ty": (
        "ty",
        lambda: [str(BIN / "ty"), "check", "--ignore=deprecated", "--python", sys.prefix],
    ),
    "pyrefly": (
        "pyrefly",
        lambda: [
            str(BIN / "pyrefly"), "check", "--preset=default",
            "--python-interpreter-path", sys.executable,
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("checker", CHECKERS)
def test_sessions_are_seen(checker: str, tmp_path: Path) -> None:
    package, command = CHECKERS[checker]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    write_toml(tmp_path / "mypy.toml", {"tool": {"mypy": {}}})
    plugins = ["mypy_asyncsession.plugin"]
    write_toml(tmp_path / "plugin.toml", {"tool": {"mypy": {"plugins": plugins}}})
    (tmp_path / "typed.py").write_text(TYPED, encoding="utf-8")
    assert check(command(), tmp_path) == (0, "")
    # And it would say so if it did not see them.
    wrong = TYPED.replace("assert_type(one, AsyncSession)", "assert_type(one, int)")
    (tmp_path / "typed.py").write_text(wrong, encoding="utf-8")
    line = wrong[: wrong.index("assert_type(one, int)")].count("\n") + 1
    status, output = check(command(), tmp_path)
    assert status == 1
    assert f"typed.py:{line}" in output


def check(command: list[str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [*command, "typed.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )
    return done.returncode, done.stdout + done.stderr if done.returncode else ""
