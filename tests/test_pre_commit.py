"""The hook in pre-commit itself: in an environment of its own, on a repository with a mistake."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).resolve().parent.parent

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="there is no git"),
    pytest.mark.skipif(
        bool(os.environ.get("MYPY_ASYNCSESSION_OFFLINE")),
        reason="pre-commit installs the hook from a package index",
    ),
]

FILES: Final = {
    "src/shop/db.py": (
        "from collections.abc import AsyncIterator\n"
        "from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker\n\n"
        "sessions = async_sessionmaker()\n\n\n"
        "async def get_db() -> AsyncIterator[AsyncSession]:\n"
        "    async with sessions() as session:\n"
        "        yield session\n"
    ),
    "src/shop/old.py": (
        "from shop.db import get_db\n\n\n"
        "async def old() -> None:\n"
        "    async with get_db() as session:\n"
        "        await session.flush()\n"
    ),
    "src/shop/web.py": (
        "from fastapi import Depends, FastAPI\n"
        "from sqlalchemy.ext.asyncio import AsyncSession\n"
        "from shop.db import get_db\n\n"
        "app = FastAPI()\n\n\n"
        '@app.get("/")\n'
        "async def index(session: AsyncSession = Depends(get_db)) -> None: ...\n"
    ),
    "README.md": "A shop\n",
}


@dataclass(frozen=True)
class Repository:
    """A repository in which pre-commit is installed, with a mistake from before that."""

    root: Path
    home: Path

    def run(self, *command: str) -> tuple[int, str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("GIT_")
        }
        done = subprocess.run(
            command,
            cwd=self.root,
            env={
                **environment,
                "PRE_COMMIT_HOME": str(self.home),
                # git starts the hook, which starts the Python that pre-commit is installed with.
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        return done.returncode, done.stdout

    def pre_commit(self, *arguments: str) -> tuple[int, str]:
        return self.run(sys.executable, "-m", "pre_commit", *arguments)

    def git(self, *arguments: str) -> tuple[int, str]:
        identity = ("-c", "user.name=shop", "-c", "user.email=shop@example.org")
        return self.run("git", *identity, *arguments)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        assert self.git("add", name)[0] == 0


def published(folder: Path) -> str:
    """What is in this tree by now, as a repository; its only commit."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    repository = Repository(folder, folder)
    assert repository.git("init", "-q")[0] == 0
    assert repository.git("add", "-A")[0] == 0
    assert repository.git("commit", "-q", "-m", "all")[0] == 0
    return repository.git("rev-parse", "HEAD")[1].strip()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    hooks = tmp_path_factory.mktemp("hooks")
    home = tmp_path_factory.mktemp("home")
    made = Repository(tmp_path_factory.mktemp("shop"), home)
    assert made.git("init", "-q")[0] == 0
    for name, text in FILES.items():
        made.write(name, text)
    made.write(
        ".pre-commit-config.yaml",
        f"repos:\n- repo: {hooks.as_posix()}\n  rev: {published(hooks)}\n"
        "  hooks:\n  - id: mypy-asyncsession\n"
        "  - id: mypy-asyncsession-fix\n    stages: [manual]\n",
    )
    assert made.git("commit", "-q", "-m", "as it was")[0] == 0
    status, output = made.pre_commit("install", "--install-hooks")
    assert status == 0, output
    yield made
    shutil.rmtree(home)  # it holds mypy and all that it needs


def test_a_right_line_is_committed(repository: Repository) -> None:
    repository.write("src/shop/web.py", FILES["src/shop/web.py"] + "\n\nVERSION = 1\n")
    status, output = repository.git("commit", "-m", "right")
    assert (status, "Passed" in output) == (0, True), output


def test_a_wrong_line_is_refused(repository: Repository) -> None:
    wrong = FILES["src/shop/web.py"].replace("Depends(get_db)", "Depends(get_db())")
    repository.write("src/shop/web.py", wrong)
    status, output = repository.git("commit", "-m", "wrong")
    assert status == 1
    assert "src/shop/web.py:9: error: " in output
    # The file of the commit alone, and not what was wrong before.
    assert "1 error in 1 file (1 checked)" in output
    assert repository.git("log", "--oneline", "--grep", "wrong")[1] == ""
    assert repository.git("checkout", "HEAD", "--", "src/shop/web.py")[0] == 0


def test_all_files(repository: Repository) -> None:
    status, output = repository.pre_commit("run", "--all-files")
    assert status == 1
    assert "src/shop/old.py:5: error: " in output
    assert "(3 checked)" in output


def test_a_commit_without_python(repository: Repository) -> None:
    repository.write("README.md", "A better shop\n")
    status, output = repository.git("commit", "-m", "words")
    assert (status, "Skipped" in output) == (0, True), output


def test_a_wrong_line_is_fixed(repository: Repository) -> None:
    wrong = FILES["src/shop/web.py"].replace("Depends(get_db)", "Depends(get_db())")
    repository.write("src/shop/web.py", wrong)
    run = ("run", "--hook-stage", "manual", "mypy-asyncsession-fix")
    status, output = repository.pre_commit(*run)
    assert (status, "files were modified by this hook" in output) == (1, True), output
    assert "src/shop/web.py:9: fixed: " in output
    fixed = (repository.root / "src/shop/web.py").read_text(encoding="utf-8")
    assert fixed == FILES["src/shop/web.py"]
    # What was wrong before, in a file that is not part of the commit, is none of its business.
    assert (repository.root / "src/shop/old.py").read_text(encoding="utf-8") == FILES[
        "src/shop/old.py"
    ]
    assert repository.git("checkout", "-q", "HEAD", "--", "src/shop/web.py")[0] == 0
