"""What the server asks of its processes, and what they answer, as objects for JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from mypy_asyncsession.checking.options import Options

#: What tells a finding from others: path, code, line and message.
Wanted = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a project is checked.

    Attributes:
        config_file: The TOML file with our table; the project's if ``None``.
        cache_dir: The directory to keep between runs.
        baseline: The file of findings that are accepted, relative to the project.
        strict: Whether the rules that are off by default are on.
    """

    config_file: str | None = None
    cache_dir: str | None = None
    baseline: str | None = None
    strict: bool = False

    def options(self, **others: Any) -> Options:
        """As the options of a check."""
        return Options(
            config_file=self.config_file, cache_dir=self.cache_dir, strict=self.strict, **others
        )


@dataclass(frozen=True, slots=True)
class Task:
    """What a process that is there for one task is to do.

    Attributes:
        kind: ``check``, ``quick check`` or ``fix``. The quick one does not look for providers: it
            shares what is kept with the ``check`` of the command line.
        directory: The project's directory.
        paths: What to check.
        settings: How.
        texts: By absolute path, the texts in the editor that differ from the files.
        wanted: Of the findings to fix, what tells them from others: path, code, line and message.
    """

    kind: str
    directory: str
    paths: list[str]
    settings: Settings
    texts: dict[str, str] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)

    def encode(self) -> dict[str, Any]:
        """As an object for JSON."""
        return asdict(self)

    @classmethod
    def decode(cls, values: dict[str, Any]) -> Task:
        """What ``encode`` made an object of."""
        values = {**values, "settings": Settings(**values["settings"])}
        values["wanted"] = [tuple(each) for each in values["wanted"]]
        return cls(**values)
