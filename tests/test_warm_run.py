"""A run of mypy in which nothing has changed: what of us it needs, and what would make it anew."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import mypy_asyncsession
from mypy_asyncsession.plugin.own_sources import digest_of

if TYPE_CHECKING:
    from pathlib import Path

_CONFIG: Final = "[mypy]\nplugins = mypy_asyncsession.plugin\n"
#: Runs mypy in this process, and prints which of our modules that has imported.
_RUN: Final = """\
import sys
from mypy import api
out, trouble, status = api.run(["app.py"])
assert not status, out + trouble
print(*(name for name in sys.modules if name.startswith("mypy_asyncsession.")))
"""
_RECORD: Final = """\
mypy_asyncsession-{0}.dist-info/METADATA,sha256=1,10
mypy_asyncsession/plugin/__init__.py,sha256=2,20
mypy_asyncsession/__init__.py,sha256=3,30
mypy_asyncsession/__pycache__/__init__.cpython-311.pyc,,
../../../bin/mypy-asyncsession,sha256=4,40
"""


def imported(tree: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN], cwd=tree, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_it_imports_no_rule_and_no_engine(tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(_CONFIG, encoding="utf-8")
    (tmp_path / "app.py").write_text("answer = 42\n", encoding="utf-8")
    engine = {f"mypy_asyncsession.{name}" for name in ("rules", "detectors", "plugin.engine")}
    assert imported(tmp_path) >= engine  # cold
    warm = imported(tmp_path)
    assert "mypy_asyncsession.plugin" in warm
    assert not warm & engine
    (tmp_path / "app.py").write_text("answer = 43\n", encoding="utf-8")
    assert imported(tmp_path) >= engine


def test_what_is_installed_is_told_by_its_record(tmp_path: Path) -> None:
    version = mypy_asyncsession.__version__
    package = tmp_path / "mypy_asyncsession"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    record = tmp_path / f"mypy_asyncsession-{version}.dist-info" / "RECORD"
    record.parent.mkdir()

    def digest(text: str) -> str:
        record.write_text(text.format(version), encoding="utf-8")
        return digest_of(package)

    known = digest(_RECORD)
    # Where it is installed, by what, and what Python has made of it says nothing.
    assert digest("\n".join(reversed(_RECORD.splitlines()))) == known
    assert digest(_RECORD.replace("sha256=4", "sha256=5").replace("311", "312")) == known
    assert digest(_RECORD.replace("sha256=2", "sha256=5")) != known
    # What is not installed is read itself.
    record.unlink()
    read = digest_of(package)
    assert read != known
    (package / "__init__.py").write_text("# edited", encoding="utf-8")
    assert digest_of(package) != read
