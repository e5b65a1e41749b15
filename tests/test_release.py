"""What a release is made of: where the project lives, said once, and what refuses to go out."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from mypy_asyncsession import __version__, home
from mypy_asyncsession.adoption import pre_commit
from mypy_asyncsession.codes import CODES, PARENT
from tests.picture import PICTURE, picture, printed

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
HOME = "https://git.invalid/us/mypy-asyncsession"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What a release is decided from, with an address."""
    (tmp_path / "mypy_asyncsession").mkdir()
    for name in ("README.md", "CHANGELOG.md", "pyproject.toml", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copy(ROOT / "mypy_asyncsession" / "__init__.py", tmp_path / "mypy_asyncsession")
    replaced(ROOT, "mypy_asyncsession/home.py", '= ""', f'= "{HOME}"', into=tmp_path)
    return tmp_path


def replaced(root: Path, name: str, old: str, new: str, into: Path | None = None) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert old in text
    ((into or root) / name).write_text(text.replace(old, new, 1), encoding="utf-8")


def missing(root: Path, tag: str | None = f"v{__version__}") -> list[str]:
    return list(script("release").missing(root, tag))


def test_with_an_address_it_can_go_out(project: Path) -> None:
    assert missing(project) == []


def test_without_one_it_cannot() -> None:
    """That it lives nowhere yet is all that stands in the way."""
    found = missing(ROOT)
    if home.HOME:
        assert found == []
    else:
        (line,) = found
        assert "HOME is empty" in line


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("mypy_asyncsession/home.py", HOME, "https://example.org/us", "must be a real https"),
        ("mypy_asyncsession/home.py", HOME, f"{HOME}/", "must be a real https"),
        ("mypy_asyncsession/__init__.py", __version__, f"{__version__}.dev1", "not the version of"),
        ("CHANGELOG.md", f"[{__version__}] - ", f"[{__version__}] ~ ", "there is no"),
        ("CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- new\n", "belongs under"),
        ("README.md", "\n\n", "\nhttps://example.com/us\n", "README.md:2: an address of nobody"),
    ],
)
def test_what_is_missing_is_said(project: Path, name: str, old: str, new: str, said: str) -> None:
    replaced(project, name, old, new)
    assert any(said in line for line in missing(project, None))


def test_another_tag_is_refused(project: Path) -> None:
    assert missing(project, "v9.9.9") == [
        f'the tag is "v9.9.9", but the version is {__version__}: they must be the same'
    ]


def metadata(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    script("metadata").Metadata(str(root), {}).update(found)
    return found


def test_the_metadata_has_the_addresses(project: Path) -> None:
    found = metadata(project)
    assert found["urls"]["Homepage"] == HOME
    assert all(url.startswith(HOME) for url in found["urls"].values())


def test_all_links_of_the_readme_are_whole_on_pypi(project: Path) -> None:
    text = metadata(project)["readme"]["text"]
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }
    for target in targets:
        assert target.startswith("https://") or target.removeprefix("#") in anchors, target
    inside = [each for each in targets if each.startswith(HOME)]
    assert inside
    for target in inside:
        path = re.sub(rf"^{re.escape(HOME)}/(?:blob|raw)/v{re.escape(__version__)}/", "", target)
        assert (ROOT / path.partition("#")[0]).exists(), target


def test_what_is_in_the_repository_is_linked_to_as_it_is_there() -> None:
    whole = script("metadata").with_whole_addresses
    text = "[a](A.md#b) ![p](x/p.svg) [c](#c) [d](https://d.invalid/) [e](mailto:e@f)"
    assert whole(text, HOME, "1.0.0") == (
        f"[a]({HOME}/blob/v1.0.0/A.md#b) ![p]({HOME}/raw/v1.0.0/x/p.svg) [c](#c) "
        "[d](https://d.invalid/) [e](mailto:e@f)"
    )


def test_a_rule_has_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "HOME", HOME)
    titles = re.findall(
        r"^## (\S+)$", (ROOT / "RULES.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(CODES) <= set(titles)
    assert home.rule_page("session-with") == f"{HOME}/blob/v{__version__}/RULES.md#session-with"
    assert home.rule_page(PARENT) == f"{HOME}/blob/v{__version__}/RULES.md"
    monkeypatch.setattr(home, "HOME", "")
    assert home.rule_page("session-with") is None


def test_the_hook_is_that_of_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pre_commit, "HOME", HOME)
    monkeypatch.setattr(pre_commit, "_origin", lambda: (None, None))
    ((repo,), hooks) = (
        yaml.safe_load("\n".join(pre_commit.snippet())),
        yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")),
    )
    assert (repo["repo"], repo["rev"]) == (HOME, f"v{__version__}")
    assert repo["hooks"][0]["id"] in {hook["id"] for hook in hooks}


def test_the_workflow_of_a_release_asks_first() -> None:
    path = ROOT / ".github" / "workflows" / "release.yml"
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]
    runs = [step["run"] for step in jobs["build"]["steps"] if "run" in step]
    assert runs[0].startswith("python .ci/release.py ")
    assert jobs["try"]["needs"] == "build"
    assert jobs["publish"]["needs"] == "try"
    assert jobs["publish"]["permissions"]["id-token"] == "write"
    (steps,) = (
        step["with"] for step in jobs["publish"]["steps"] if "attest" in step.get("uses", "")
    )
    assert steps["subject-path"] == "dist/*"


def test_the_hook_in_the_readme_is_what_init_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pre_commit, "_origin", lambda: (None, None))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\n".join(["repos:", *pre_commit.snippet("  ")]) in readme


def test_the_picture_is_what_the_demo_prints() -> None:
    assert PICTURE.read_text(encoding="utf-8") == picture(printed())
