"""A tree made to be checked by somebody who does not know what is in it.

What a repository can hold is in ``test-data/hostile``; the rest is added here: programs and modules
in every place where something may look for one, git's own files, a cache, links, and odd files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mypy_asyncsession.checking.place import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

_DATA: Final = Path(__file__).parents[2] / "test-data" / "hostile"

#: Modules that Python, mypy, or what we use would import if it looked here.
_MODULES: Final = (
    *("ast", "click", "codecs", "encodings/__init__", "gc", "hashlib", "json", "json/__init__"),
    *("librt/__init__", "logging", "mypy/__init__", "mypy/build_worker/__init__", "rich/__init__"),
    *("mypy_asyncsession/__init__", "mypy_asyncsession/plugin/__init__", "pyinfo", "re"),
    *("site", "sitecustomize", "sqlite3/__init__", "typing_extensions", "usercustomize"),
    *("evil_plugin", "evil_package/__init__", "conftest", "setup", "tomllib/__init__"),
)

#: Below these they are put: the working directory, and where the cache has had its own.
_FOLDERS: Final = ("", f"{FOLDER}/work/", f"{FOLDER}/")

#: Programs in the places of others.
_PROGRAMS: Final = (
    *(".venv/bin/python", ".venv/bin/python3", "venv/bin/python", "evil/bin/python"),
    *("git", "python", "python3", "sh", "bin/python", "evil/git-hooks/post-index-change"),
)

#: What git would run on the way.
_GIT_CONFIG: Final = """\
[core]
\trepositoryformatversion = 0
\tbare = false
\tfsmonitor = {program}
\thooksPath = {hooks}
\tpager = {program}
\teditor = {program}
\tsshCommand = {program}
\talternateRefsCommand = {program}
[diff]
\texternal = {program}
[diff "evil"]
\ttextconv = {program}
\tcommand = {program}
[filter "evil"]
\tclean = {program}
\tsmudge = {program}
\tprocess = {program}
\trequired = true
[remote "origin"]
\turl = ext::{program}
\tpromisor = true
[extensions]
\tpartialClone = origin
[protocol]
\tallow = always
[uploadpack]
\tpackObjectsHook = {program}
"""

#: Put in ``sitecustomize``, it says what every process that starts with it does.
_RECORDER: Final = """\
import json, os, sys

_log = os.open(os.environ["AUDIT_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

def _folder(event, arguments):
    # What removes a directory with all that is in it names the entries relative to that.
    if event in ("os.remove", "os.rmdir") and arguments[-1] >= 0:
        try:
            return os.readlink(f"/proc/self/fd/{arguments[-1]}")
        except OSError:
            pass
    return os.getcwd()

def _hook(event, arguments):
    folder = _folder(event, arguments)
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int) or not flags & _WRITING:
            return
        said = [path]
    elif event in ("os.remove", "os.rmdir", "os.mkdir", "os.rename", "os.link", "os.symlink",
                   "os.truncate", "os.chmod", "os.chown", "os.utime", "sqlite3.connect"):
        said = [each for each in arguments if isinstance(each, (str, bytes))]
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn"):
        said = [arguments[0], list(arguments[1])]
        event = "program"
    elif event in ("os.system", "os.startfile", "pty.spawn", "socket.connect"):
        said = [str(arguments)]
    else:
        return
    if event == "program" and event in _last and said in _last[event]:
        return
    _last.setdefault("program", []).append(said)
    text = json.dumps([event, folder, said], default=os.fsdecode)
    os.write(_log, text.encode() + b"\\n")

_last = {}
sys.addaudithook(_hook)
"""


@dataclass(frozen=True)
class Done:
    """What a run did.

    Attributes:
        owned: The programs and modules of the tree that were run.
        writes: The paths that were written to, made, moved or removed.
        programs: The arguments of the programs that were started.
        others: What else is of interest: connections, and programs started in other ways.
    """

    status: int
    stdout: bytes
    stderr: bytes
    owned: list[str]
    writes: set[str]
    programs: list[list[str]]
    others: list[Any]


class HostileTree:
    """The tree, and runs in it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        self.outside = folder / "outside"
        self.home = folder / "home"
        self.temporary = folder / "temporary"
        self._owned = folder / "owned"
        self._recorder = folder / "recorder"
        for each in (self.outside, self.home, self.temporary, self._owned, self._recorder):
            each.mkdir(parents=True)
        (self._recorder / "sitecustomize.py").write_text(_RECORDER)
        for name in ("precious.json", "settings.toml", *(f"{n:032x}.json" for n in range(20))):
            (self.outside / name).write_text("precious")
        shutil.copytree(_DATA, self.root)
        self._populate()

    def run(self, *arguments: str, **environment: str) -> Done:
        """Run our command line in the tree, and say what it did."""
        log = self._recorder / "log"
        log.write_bytes(b"")
        for left in self._owned.iterdir():
            left.unlink()
        kept = ("LANG", "SYSTEMROOT")
        done = subprocess.run(
            [Path(sys.executable).with_name("mypy-asyncsession"), *arguments],
            cwd=self.root,
            env={
                **{name: os.environ[name] for name in kept if name in os.environ},
                "HOME": str(self.home),
                "TMPDIR": str(self.temporary),
                "OWNED": str(self._owned),
                "TREE": str(self.root),
                "AUDIT_LOG": str(log),
                "PYTHONPATH": str(self._recorder),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PATH": f".{os.pathsep}{os.environ['PATH']}",
                **environment,
            },
            capture_output=True,
            check=False,
            timeout=120,
        )
        events = [json.loads(line) for line in log.read_text().splitlines()]
        return Done(
            done.returncode,
            done.stdout,
            done.stderr,
            sorted(path.name for path in self._owned.iterdir()),
            {
                os.path.normpath(Path(directory, path))
                for event, directory, said in events
                if event == "open" or event.startswith(("os.", "sqlite3."))
                for path in said
                if event != "os.system"
            },
            [said[1] for event, _, said in events if event == "program"],
            [
                said
                for event, _, said in events
                if event in ("os.system", "os.startfile", "pty.spawn", "socket.connect")
                # mypy talks to its workers through it.
                and str(self.temporary) not in str(said)
            ],
        )

    def contents(self) -> dict[str, tuple[int, int, bytes | str]]:
        """All that is in the tree, and outside: types and modes, times and contents."""
        return {path: found for top in (self.root, self.outside) for path, found in _contents(top)}

    def _populate(self) -> None:
        payload = (_DATA / "payload.py").read_text()
        for folder in _FOLDERS:
            for name in _MODULES:
                self._write(f"{folder}{name}.py", payload)
        program = (_DATA / "payload.sh").read_text()
        for name in _PROGRAMS:
            self._write(name, program).chmod(0o755)
        for name in (".venv", "venv"):
            self._environment(name, payload)
        self._git()
        self._write("overlay/thing.pyi", "")
        self._links()
        self._cache()

    def _environment(self, name: str, payload: str) -> None:
        self._write(f"{name}/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n")
        packages = f"{name}/lib/python3.12/site-packages"
        self._write(f"{packages}/installed.py", "")
        self._write(
            f"{packages}/evil.pth", f"import os; exec({payload!r})\n/nowhere\n\0\n{'x' * 5000}\n"
        )
        self._write(f"{packages}/sitecustomize.py", payload)

    def _git(self) -> None:
        git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
        for arguments in (("init", "-q"), ("add", "app"), ("commit", "-q", "-m", "one")):
            subprocess.run([*git, *arguments], cwd=self.root, check=True, capture_output=True)
        program = self.root / "git-evil"
        self._write("git-evil", (_DATA / "payload.sh").read_text()).chmod(0o755)
        config = _GIT_CONFIG.format(program=program, hooks=self.root / "evil/git-hooks")
        self._write(".git/config", config)
        self._write(".gitattributes", "*.py filter=evil diff=evil\n* filter=evil\n")
        # A bare repository, which git takes the directory for that it is run in.
        shutil.copytree(self.root / ".git", self.root / "bare")
        self._write("bare/config", config.replace("bare = false", "bare = true"))
        self._write("bare/use.py", (self.root / "app/use.py").read_text())

    def _links(self) -> None:
        (self.root / "loop").symlink_to(".")
        (self.root / "self.py").symlink_to("self.py")
        (self.root / "nowhere.py").symlink_to("nowhere/at/all")
        (self.root / "outside").symlink_to(self.outside)
        (self.root / "stubs").symlink_to(self.outside)
        if hasattr(os, "mkfifo"):
            os.mkfifo(self.root / "pipe.py")
            os.mkfifo(self.root / "app" / "pipe.py")
            os.mkfifo(self.root / "setup.cfg")

    def _cache(self) -> None:
        """A cache as we would make it, and links in the place of what it holds."""
        cache = self.root / FOLDER
        self._write(
            f"{FOLDER}/CACHEDIR.TAG",
            "Signature: 8a477f597d28d172789f06886806bc55\n"
            "# This directory was made by mypy-asyncsession, and can be deleted at any time.\n",
        )
        (cache / "reports").symlink_to(self.outside)
        (cache / "surveys").symlink_to(self.outside)
        (cache / "in-place-of").symlink_to(self.outside)
        (cache / "last-run.json").symlink_to(self.outside / "precious.json")
        listed = {str(self.outside / "precious.json"): "0", f"{self.root}/../outside/x": "0"}
        self._write(f"{FOLDER}/backups.json", json.dumps(listed))

    def _write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def _contents(top: Path) -> Iterator[tuple[str, tuple[int, int, bytes | str]]]:
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(folder, name)
            found = path.lstat()
            content: bytes | str = ""
            if path.is_symlink():
                content = str(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            changed = 0 if path.is_dir() else found.st_mtime_ns
            yield str(path), (found.st_mode, changed, content)
