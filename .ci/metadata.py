"""What the metadata of a build says of where the project lives: its addresses, and its README.

PyPI shows the README by itself: what it links to in the repository needs a whole address there.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


def assigned(path: Path, name: str) -> str:
    """The string that a module assigns to a name; the module is not run.

    Raises:
        LookupError: There is none.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.AnnAssign)
            and ast.unparse(node.target) == name
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            return node.value.value
    raise LookupError(f"{path}: there is no {name}")


def with_whole_addresses(text: str, home: str, version: str) -> str:
    """A text in Markdown whose links into the repository are whole addresses.

    Args:
        text: The text.
        home: The address of the repository.
        version: The version, whose tag the links lead to.
    """

    def whole(match: re.Match[str]) -> str:
        kind = "raw" if match["picture"] else "blob"
        return f"{match['picture']}[{match['text']}]({home}/{kind}/v{version}/{match['to']})"

    # An address has a scheme; what begins with # is in the text itself.
    return re.sub(
        r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<to>(?![a-z]+:|#|/)[^)\s]+)\)", whole, text
    )


class Metadata(MetadataHookInterface):
    """Called by hatchling for what ``pyproject.toml`` lists as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README, and the addresses once there are any."""
        root = Path(self.root)
        home = assigned(root / "mypy_asyncsession" / "home.py", "HOME")
        version = assigned(root / "mypy_asyncsession" / "__init__.py", "__version__")
        text = (root / "README.md").read_text(encoding="utf-8")
        if home:
            text = with_whole_addresses(text, home, version)
            metadata["urls"] = {
                "Homepage": home,
                "Documentation": f"{home}/blob/v{version}/RULES.md",
                "Changelog": f"{home}/blob/v{version}/CHANGELOG.md",
                "Issues": f"{home}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
