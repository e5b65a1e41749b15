"""Whether what is here can be released; says what is missing, and exits with 1 if anything is.

usage: python .ci/release.py [TAG]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parent))
from metadata import assigned

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What must not be in anything that users copy: it is nobody's address.
_NOWHERE: Final = re.compile(r"\bexample\.(?:org|com|net)\b")


def missing(root: Path, tag: str | None) -> Iterator[str]:
    """What stands in the way of a release, a line each.

    Args:
        root: The directory of the project.
        tag: The tag that the release is made from, if there is one already.
    """
    home = assigned(root / "mypy_asyncsession" / "home.py", "HOME")
    version = assigned(root / "mypy_asyncsession" / "__init__.py", "__version__")
    if not home:
        yield "mypy_asyncsession/home.py: HOME is empty: say there where the project lives"
    elif not home.startswith("https://") or home.endswith("/") or _NOWHERE.search(home):
        yield f'mypy_asyncsession/home.py: HOME is "{home}": it must be a real https address'
    if tag is not None and tag != f"v{version}":
        yield f'the tag is "{tag}", but the version is {version}: they must be the same'
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"mypy_asyncsession/__init__.py: {version} is not the version of a release"
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(rf"^## \[{re.escape(version)}\] - (\S+)$", changes, re.MULTILINE)
    if heading is None or not re.fullmatch(r"\d{4}-\d\d-\d\d", heading[1]):
        yield f'CHANGELOG.md: there is no "## [{version}] - YYYY-MM-DD"'
    if re.search(r"^## \[Unreleased\]\s+(?!## )\S", changes, re.MULTILINE):
        yield f'CHANGELOG.md: what is under "Unreleased" belongs under {version}'
    for name in ("README.md", ".pre-commit-hooks.yaml", "pyproject.toml"):
        for number, line in enumerate((root / name).read_text(encoding="utf-8").splitlines(), 1):
            if _NOWHERE.search(line):
                yield f"{name}:{number}: an address of nobody: {line.strip()}"


def main() -> None:
    """Print what is missing."""
    root = Path(__file__).resolve().parent.parent
    found = list(missing(root, sys.argv[1] if len(sys.argv) > 1 else None))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
