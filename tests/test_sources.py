"""From paths to programs: what is found, and under which name it is built."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mypy_asyncsession.checking import sources as sources_module
from mypy_asyncsession.checking.files import find_files
from mypy_asyncsession.checking.imports import Imports
from mypy_asyncsession.checking.programs import MOST_PROGRAMS
from mypy_asyncsession.checking.project import Project
from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.checking.sources import Sources, find_sources

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

links = pytest.mark.skipif(sys.platform == "win32", reason="making links takes a privilege there")


def write(root: Path, *names: str) -> None:
    """Write empty files."""
    tree(root, dict.fromkeys(names, ""))


def tree(root: Path, contents: dict[str, str]) -> None:
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def found(root: Path, *paths: str, **settings: Any) -> list[str]:
    """The files that are found, relative to *root*."""
    result = find_files(paths or (".",), Project(**settings), str(root))
    return [os.path.relpath(path, root).replace(os.sep, "/") for path in result.paths]


def sources(root: Path, *paths: str, **settings: Any) -> Sources:
    project = Project(**settings)
    return find_sources(find_files(paths or (".",), project, str(root)), project, str(root))


def names(root: Path, *paths: str, **settings: Any) -> list[dict[str, str]]:
    """For each program the name of each file."""
    return [
        {
            os.path.relpath(source.path, root).replace(os.sep, "/"): source.module
            for source in program.sources
        }
        for program in sources(root, *paths, **settings).programs
    ]


def problems(root: Path, *paths: str, **settings: Any) -> list[str]:
    project = Project(**settings)
    files = find_files(paths or (".",), project, str(root))
    return [str(item) for item in files.problems + find_sources(files, project, str(root)).problems]


def search(root: Path, *paths: str, **settings: Any) -> list[list[str]]:
    """For each program where imports are looked up."""
    return [
        [os.path.relpath(folder, root).replace(os.sep, "/") for folder in program.search]
        for program in sources(root, *paths, **settings).programs
    ]


class TestFiles:
    def test_everything_that_is_python(self, tmp_path: Path) -> None:
        write(tmp_path, "b.py", "a/x.py", "a/x.pyi", "my-script.py", "x.txt", "y.pyc")
        assert found(tmp_path) == ["b.py", "my-script.py", "a/x.py", "a/x.pyi"]

    def test_what_is_never_entered(self, tmp_path: Path) -> None:
        write(
            tmp_path,
            "a.py",
            "__pycache__/a.py",
            ".hidden/a.py",
            ".a.py",
            "node_modules/a.py",
            "site-packages/a.py",
            "env/pyvenv.cfg",
            "env/lib/a.py",
        )
        assert found(tmp_path) == ["a.py"]
        assert found(tmp_path, ".hidden", "node_modules", "env/lib", ".a.py") == [
            ".hidden/a.py",
            "node_modules/a.py",
            "env/lib/a.py",
            ".a.py",
        ]

    def test_once_however_often_it_is_named(self, tmp_path: Path) -> None:
        write(tmp_path, "app/a.py", "app/b.py")
        assert found(tmp_path, "app/b.py", "app", str(tmp_path), "app/../app/a.py") == [
            "app/b.py",
            "app/a.py",
        ]

    def test_what_is_excluded(self, tmp_path: Path) -> None:
        write(tmp_path, "app/a.py", "build/b.py", "app/build.py")
        assert found(tmp_path, exclude=("^build/$",)) == ["app/a.py", "app/build.py"]
        assert found(tmp_path, exclude=(r"build\.py$",)) == ["app/a.py", "build/b.py"]
        # What is named is not excluded.
        assert found(tmp_path, "build", exclude=("^build/$",)) == ["build/b.py"]

    def test_what_git_ignores(self, tmp_path: Path) -> None:
        write(tmp_path, "a.py", "out/b.py")
        (tmp_path / ".git").mkdir()
        (tmp_path / ".gitignore").write_text("out/\n")
        assert found(tmp_path, exclude_gitignore=True) == ["a.py"]
        assert found(tmp_path) == ["a.py", "out/b.py"]

    @links
    def test_links(self, tmp_path: Path) -> None:
        write(tmp_path, "app/real.py", "elsewhere/other.py")
        app = tmp_path / "app"
        (app / "again.py").symlink_to("real.py")
        (app / "circle").symlink_to("..")
        (app / "nowhere.py").symlink_to("gone.py")
        (app / "nothing").symlink_to("gone")
        (app / "self").symlink_to("self")
        (app / "there").symlink_to("../elsewhere")
        assert found(tmp_path, "app") == ["app/real.py", "app/there/other.py"]
        assert found(tmp_path) == ["app/real.py", "elsewhere/other.py"]
        assert problems(tmp_path, "app") == [
            "app/circle: a symbolic link in a circle: it is not followed",
            "app/nowhere.py: a symbolic link to nowhere",
            "app/self: a symbolic link in a circle: it is not followed",
        ]

    @links
    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are none")
    def test_pipes_are_not_read(self, tmp_path: Path) -> None:
        write(tmp_path, "a.py")
        os.mkfifo(tmp_path / "pipe.py")
        assert found(tmp_path) == ["a.py"]

    def test_a_directory_that_cannot_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path, "a.py", "secret/b.py", "secret2/c.py")
        scandir = os.scandir

        def refuse(path: str) -> Iterator[os.DirEntry[str]]:
            if path.endswith("secret"):
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)
        assert found(tmp_path) == ["a.py", "secret2/c.py"]
        assert problems(tmp_path) == ["secret: cannot be read: Permission denied"]

    @pytest.mark.skipif(sys.platform != "linux", reason="others do not allow such names")
    def test_a_name_that_is_not_utf_8(self, tmp_path: Path) -> None:
        write(tmp_path, "a.py")
        (tmp_path / os.fsdecode(b"\xff.py")).write_text("")
        assert found(tmp_path) == ["a.py"]
        assert problems(tmp_path) == [r"\udcff.py: its name is not UTF-8: it is left out"]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("gone", '"gone" does not exist'),
            ("empty", 'there are no Python files in "empty"'),
        ],
    )
    def test_nothing_to_check(self, tmp_path: Path, path: str, message: str) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(CannotRun) as caught:
            found(tmp_path, path)
        assert str(caught.value) == message


class TestNames:
    """What a file is called as a module."""

    @pytest.mark.parametrize(
        ("contents", "expected"),
        [
            pytest.param(
                {"app/__init__.py": "", "app/db.py": "", "app/api/__init__.py": ""},
                {"app/__init__.py": "app", "app/db.py": "app.db", "app/api/__init__.py": "app.api"},
                id="packages",
            ),
            pytest.param(
                {"src/app/__init__.py": "", "src/app/db.py": ""},
                {"src/app/__init__.py": "app", "src/app/db.py": "app.db"},
                id="src",
            ),
            pytest.param(
                {"app/__init__.py": "", "app/api/users.py": ""},
                {"app/__init__.py": "app", "app/api/users.py": "app.api.users"},
                id="a directory without __init__ in a package",
            ),
            pytest.param(
                {"app/db.py": "", "app/main.py": "from app.db import get_db\n"},
                {"app/db.py": "app.db", "app/main.py": "app.main"},
                id="no __init__, imported from above",
            ),
            pytest.param(
                {"app/db.py": "", "app/main.py": "from db import get_db\n"},
                {"app/db.py": "db", "app/main.py": "main"},
                id="no __init__, imported from where it is",
            ),
            pytest.param(
                {"app/db.py": "", "app/main.py": "from . import db\n"},
                {"app/db.py": "app.db", "app/main.py": "app.main"},
                id="no __init__, relative",
            ),
            pytest.param(
                {"app/core/db.py": "", "app/api/users.py": "from ..core import db\n"},
                {"app/core/db.py": "db", "app/api/users.py": "app.api.users"},
                id="no __init__, relative from further down",
            ),
            pytest.param(
                {"app/db.py": "", "app/main.py": "import db\n", "app/old.py": "from . import db\n"},
                {"app/db.py": "db", "app/main.py": "main", "app/old.py": "old"},
                id="what most of them say",
            ),
            pytest.param(
                {"my-app/__init__.py": "", "my-app/main.py": ""},
                {"my-app/__init__.py": "__init__", "my-app/main.py": "main"},
                id="no identifier",
            ),
            pytest.param(
                {"v1.2/__init__.py": "", "v1.2/main.py": "from .db import get\n", "v1.2/db.py": ""},
                {"v1.2/__init__.py": "v1-2", "v1.2/main.py": "v1-2.main", "v1.2/db.py": "v1-2.db"},
                id="no identifier, relative",
            ),
            pytest.param(
                {"my-script.py": "", "a.b.py": ""},
                {"my-script.py": "my-script", "a.b.py": "a-b"},
                id="files that nobody can import",
            ),
            pytest.param(
                {"app/__init__.py": "", "app/db.py": "", "app/db.pyi": ""},
                {"app/__init__.py": "app", "app/db.pyi": "app.db", "app/db.py": "app.db-2"},
                id="a stub beside its module",
            ),
            pytest.param(
                {"app/types.py": "", "app/main.py": "import types\n", "app/logging.py": ""},
                {"app/types.py": "types-2", "app/main.py": "main", "app/logging.py": "logging-2"},
                id="called like the standard library",
            ),
            pytest.param(
                {"email/__init__.py": "", "email/mine.py": "", "main.py": "import email.mine\n"},
                {"email/__init__.py": "email", "email/mine.py": "email.mine", "main.py": "main"},
                id="a package in place of the standard library's",
            ),
            pytest.param(
                {"email/__init__.py": "", "email/mime.py": "", "main.py": "import email.header\n"},
                {
                    "email/__init__.py": "email-2",
                    "email/mime.py": "email-2.mime",
                    "main.py": "main",
                },
                id="a package that nobody takes for the standard library's",
            ),
        ],
    )
    def test_one_program(
        self, tmp_path: Path, contents: dict[str, str], expected: dict[str, str]
    ) -> None:
        tree(tmp_path, contents)
        assert names(tmp_path) == [expected]

    def test_as_the_project_says(self, tmp_path: Path) -> None:
        tree(tmp_path, {"lib/a/x.py": "", "app/x.py": ""})
        settings = {"explicit_package_bases": True, "mypy_path": ("lib",)}
        assert names(tmp_path, **settings) == [{"lib/a/x.py": "a.x", "app/x.py": "app.x"}]
        assert search(tmp_path, **settings) == [["lib", "."]]

    def test_without_namespace_packages(self, tmp_path: Path) -> None:
        tree(tmp_path, {"app/__init__.py": "", "app/api/users.py": ""})
        assert names(tmp_path, namespace_packages=False) == [
            {"app/__init__.py": "app", "app/api/users.py": "users"}
        ]

    def test_one_file_is_named_as_its_tree_is(self, tmp_path: Path) -> None:
        tree(tmp_path, {"backend/app/__init__.py": "", "backend/app/db.py": ""})
        assert names(tmp_path, "backend/app/db.py") == [{"backend/app/db.py": "app.db"}]
        assert search(tmp_path, "backend/app/db.py") == [["backend", "."]]

    def test_a_second_name_is_not_followed(self, tmp_path: Path) -> None:
        tree(
            tmp_path,
            {
                "backend/app/__init__.py": "",
                "backend/app/db.py": "from app import x\nfrom app import y\n",
                "tests/test_db.py": "from backend.app.db import get_db\n",
            },
        )
        (program,) = sources(tmp_path).programs
        assert {source.module for source in program.sources} == {"app", "app.db", "test_db"}
        assert program.skipped == ("backend.app",)

    def test_mypys_name_is_kept_for_its_configuration(self, tmp_path: Path) -> None:
        tree(tmp_path, {"a/conftest.py": "", "b/conftest.py": ""})
        (program,) = sources(tmp_path).programs
        assert [(source.module, source.natural) for source in program.sources] == [
            ("conftest", "conftest"),
            ("conftest-2", "conftest"),
        ]

    def test_a_directory_that_shadows_mypys_core_is_not_searched(self, tmp_path: Path) -> None:
        tree(tmp_path, {"types.py": "", "app/__init__.py": ""})
        assert search(tmp_path, "app") == [[]]
        assert names(tmp_path)[0]["types.py"] == "types-2"


class TestPrograms:
    """What is built together."""

    def test_packages_of_one_name(self, tmp_path: Path) -> None:
        for root in ("backend", "backend-mvp"):
            tree(
                tmp_path / root,
                {"app/__init__.py": "", "app/db.py": "", "app/main.py": "import app.db\n"},
            )
        first, second = names(tmp_path)
        assert first == {
            "backend/app/__init__.py": "app",
            "backend/app/db.py": "app.db",
            "backend/app/main.py": "app.main",
        }
        assert second == {
            "backend-mvp/app/__init__.py": "app",
            "backend-mvp/app/db.py": "app.db",
            "backend-mvp/app/main.py": "app.main",
        }
        assert search(tmp_path) == [["backend", "."], ["backend-mvp", "."]]
        assert problems(tmp_path) == [
            (
                'backend-mvp/app: "app" is also the name of "backend/app": '
                "each is checked apart from the other"
            )
        ]

    def test_what_nobody_imports_needs_no_program_of_its_own(self, tmp_path: Path) -> None:
        tree(
            tmp_path,
            {
                "a/tests/__init__.py": "",
                "a/tests/test_x.py": "from .help import x\n",
                "a/tests/help.py": "",
                "b/tests/__init__.py": "",
                "b/tests/test_x.py": "from .help import x\n",
                "b/tests/help.py": "",
            },
        )
        (program,) = names(tmp_path)
        assert program["a/tests/help.py"] == "tests.help"
        assert program["b/tests/__init__.py"] == "tests-2"
        assert program["b/tests/help.py"] == "tests-2.help"
        assert problems(tmp_path) == []

    def test_a_namespace_package_is_one(self, tmp_path: Path) -> None:
        tree(
            tmp_path,
            {
                "one/src/acme/one/__init__.py": "",
                "one/src/acme/one/x.py": "import acme.one, acme.two\n",
                "two/src/acme/two/__init__.py": "",
                "two/src/acme/two/x.py": "import acme.two, acme.one\n",
            },
        )
        (program,) = names(tmp_path)
        assert set(program.values()) == {"acme.one", "acme.one.x", "acme.two", "acme.two.x"}
        assert problems(tmp_path) == []

    def test_a_module_beside_its_package(self, tmp_path: Path) -> None:
        tree(
            tmp_path,
            {
                "app/__init__.py": "",
                "app/jobs.py": "from . import db\n",
                "app/jobs/__init__.py": "",
            },
        )
        assert names(tmp_path) == [
            {
                "app/__init__.py": "app",
                "app/jobs.py": "app.jobs-2",
                "app/jobs/__init__.py": "app.jobs",
            }
        ]
        assert problems(tmp_path) == [
            (
                'app/jobs.py: imports find the package beside it, "app/jobs/__init__.py": '
                "it is checked apart from them"
            )
        ]

    def test_a_directory_that_cannot_be_a_package(self, tmp_path: Path) -> None:
        tree(tmp_path, {"my-app/__init__.py": "", "my-app/a.py": "", "my-app/b.py": ""})
        assert problems(tmp_path) == [
            (
                'my-app: "my-app" cannot be the name of a package: '
                "it is checked as a directory of modules"
            )
        ]

    def test_there_are_not_too_many(self, tmp_path: Path) -> None:
        count = MOST_PROGRAMS + 3
        for number in range(count):
            tree(
                tmp_path / f"example{number:02}",
                {"main.py": "from models import x\n", "models.py": ""},
            )
        programs = names(tmp_path)
        assert len(programs) == MOST_PROGRAMS
        assert sum(map(len, programs)) == 2 * count
        # In the last one no import may find the models of another example.
        assert "models" not in programs[-1].values()
        assert all("." in folders for folders in search(tmp_path))
        assert search(tmp_path)[-1] == ["."]
        assert problems(tmp_path) == [
            (
                'example01/models.py: "models" is also the name of "example00/models.py" '
                f"and of {count - 2} more: imports of it are not always followed"
            )
        ]

    def test_a_file_that_cannot_be_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tree(tmp_path, {"a.py": "", "b.py": ""})

        def refuse(path: str, *args: Any, **settings: Any) -> Any:
            if path.endswith("b.py"):
                raise PermissionError(13, "Permission denied")
            return open(path, *args, **settings)  # noqa: PTH123

        monkeypatch.setattr(sources_module, "open", refuse, raising=False)
        result = sources(tmp_path)
        assert [str(problem) for problem in result.problems] == [
            "b.py: cannot be read: Permission denied"
        ]
        assert result.unreadable == {str(tmp_path / "b.py")}
        assert names(tmp_path) == [{"a.py": "a", "b.py": "b"}]


@pytest.mark.parametrize(
    ("source", "names_", "levels"),
    [
        ("import a, b.c as d  # import e", {"a", "b.c"}, []),
        ("from a.b import c, d as e", {"a.b.c", "a.b.d"}, []),
        ("from a import (\n    b,\n)", {"a"}, []),
        ("from a import (b, c)", {"a.b", "a.c"}, []),
        ("from a import *", {"a"}, []),
        ("def f():\n\timport a\r\n", {"a"}, []),
        ("from . import a\nfrom ...b import c", set(), [1, 3]),
        ("from.import a", set(), [1]),
        ("important = from_ = reimport = 1", set(), []),
        ("import", set(), []),
        ("x = 'nothing to import from here'", set(), []),
    ],
)
def test_imports(source: str, names_: set[str], levels: list[int]) -> None:
    imports = Imports()
    imports.add(source.encode())
    assert set(imports.names()) == names_
    assert sorted(imports.levels()) == levels


@pytest.mark.parametrize(
    ("comment", "codes"),
    [
        ('# mypy: disable-error-code="a, b-c"', {"a", "b-c"}),
        ("# mypy: enable_error_code=a, ignore-errors", {"a"}),
        ("# mypy: ignore-errors", set()),
        ("# disable-error-code=a", set()),
    ],
)
def test_codes_in_comments(comment: str, codes: set[str]) -> None:
    imports = Imports()
    imports.add(f"{comment}\nimport a\n".encode())
    assert imports.error_codes == codes


class TestSomeFiles:
    """What a commit changes, without the rest of the project."""

    @pytest.mark.parametrize(
        ("contents", "path", "module", "also_in"),
        [
            # The tree says where a package is, with or without ``__init__``.
            ({"src/shop/db.py": ""}, "src/shop/use.py", "shop.use", "src"),
            ({"src/shop/db.py": ""}, "src/shop/deep/use.py", "shop.deep.use", "src"),
            ({"a/b/shop/db/__init__.py": ""}, "a/b/shop/use.py", "shop.use", "a/b"),
            # What is tested lies beside the tests, or in src.
            ({"back/shop/db.py": ""}, "back/tests/use.py", "use", "back"),
            ({"src/shop/__init__.py": "", "src/shop/db.py": ""}, "tests/use.py", "use", "src"),
            ({"src/shop.py": ""}, "tests/use.py", "use", "src"),
            # A directory that only has the name of a package.
            ({"back/shop/compose.yaml": ""}, "back/use.py", "use", None),
            ({"shop/compose.yaml": ""}, "shop/use.py", "use", None),
        ],
    )
    def test_where_the_rest_is(
        self,
        tmp_path: Path,
        contents: dict[str, str],
        path: str,
        module: str,
        also_in: str | None,
    ) -> None:
        tree(tmp_path, {**contents, path: "from shop.db import get_db\n"})
        assert names(tmp_path, path) == [{path: module}]
        (folders,) = search(tmp_path, path)
        assert also_in is None or also_in in folders
        assert also_in is not None or set(folders) == {".", path.rpartition("/")[0]}

    def test_what_is_beside_a_file_is_meant_first(self, tmp_path: Path) -> None:
        tree(tmp_path, {"src/a/db.py": "", "src/a/a/db.py": ""})
        tree(tmp_path, {"src/a/use.py": "from a.db import x\nfrom a.db import y\n"})
        assert names(tmp_path, "src/a/use.py") == [{"src/a/use.py": "use"}]

    def test_a_file_has_no_second_name(self, tmp_path: Path) -> None:
        tree(
            tmp_path,
            {
                "scripts/lib.py": "",
                "scripts/run.py": "from lib import x\n",
                "main.py": "from scripts.run import y\nfrom scripts.lib import x\n",
            },
        )
        assert names(tmp_path)[0]["scripts/run.py"] == "scripts.run"
        (folders,) = search(tmp_path)
        assert "scripts" not in folders
