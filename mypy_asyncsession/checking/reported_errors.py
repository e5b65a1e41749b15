"""What a build reports: mypy's errors, and the findings and surveys behind those that are ours."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mypy_asyncsession.checking.definition_index import DefinitionIndex
from mypy_asyncsession.checking.report import Other, shown
from mypy_asyncsession.codes import OURS
from mypy_asyncsession.findings import Finding, Span, decode
from mypy_asyncsession.survey import decode as decode_survey
from mypy_asyncsession.survey import is_survey

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from mypy_asyncsession.checking.programs import Program
    from mypy_asyncsession.config import Config
    from mypy_asyncsession.findings import Place
    from mypy_asyncsession.selection import Selection
    from mypy_asyncsession.survey import Survey


class ReportedErrors:
    """Sorts mypy's errors, with places as they are now and paths as they are shown.

    Attributes:
        findings: Our findings.
        surveys: What is in the modules, for an audit.
        others: mypy's own errors.
    """

    def __init__(
        self, config: Config, selection: Selection, instead: Mapping[str, str], directory: str
    ) -> None:
        """Begin with no error.

        Args:
            config: The project's configuration.
            selection: Which findings are wanted.
            instead: By path, what is read in its place.
            directory: The working directory, absolute.
        """
        self.findings: list[Finding] = []
        self.surveys: list[Survey] = []
        self.others: list[Other] = []
        self._config = config
        self._selection = selection
        self._directory = directory
        self._originals = {new: path for path, new in instead.items()}
        self._places = DefinitionIndex(instead)
        self._checked: Collection[str] = ()

    def expect(self, programs: Iterable[Program], checked: Collection[str]) -> None:
        """Say which programs there are, and which files of them are checked."""
        self._places.take(programs)
        self._checked = checked

    def original(self, path: str) -> str:
        """The path in whose place one is read, or itself."""
        return self._originals.get(path, path)

    def _placed(self, place: Place) -> Place:
        now = self._places.now(place)
        path = self.original(now.path)
        return replace(now, path=shown(path, self._directory))

    def _survey(self, found: Survey) -> Survey:
        """A survey with its places as they are now, and as they are shown."""
        path = shown(found.path, self._directory)
        return replace(
            found,
            path=path,
            providers=tuple(
                replace(each, place=self._placed(each.place)) for each in found.providers
            ),
            uses=tuple(replace(each, path=path) for each in found.uses),
        )

    def take(self, error: dict[str, Any]) -> None:
        """Keep one of mypy's errors, if it is of a kind that is asked for."""
        path = self.original(error["file"])
        if error["severity"] != "error":
            return
        ours = error["code"] in OURS
        overlaid = any(path.startswith(folder + os.sep) for folder in self._config.overlays)
        if path not in self._checked and not (ours and overlaid):
            return
        if not ours:
            self.others.append(
                Other(shown(path, self._directory), error["line"], error["code"], error["message"])
            )
        elif is_survey(error["message"]):
            self.surveys.append(self._survey(decode_survey(error["message"])))
        elif self._selection.reports(error["code"], path):
            self.findings.append(self._finding(error, path))

    def _finding(self, error: dict[str, Any], path: str) -> Finding:
        """The finding behind one of mypy's errors."""
        span = Span(error["line"], error["column"], error["end_line"], error["end_column"])
        found = decode(shown(path, self._directory), span, error["code"], error["message"])
        # mypy's own remark on a "type: ignore" that does not cover the code.
        hints = [hint for hint in (found.hint, error["hint"]) if hint]
        place = found.provider
        return Finding(
            found.path,
            span,
            found.code,
            found.message,
            "\n".join(hints) or None,
            place and self._placed(place),
            found.misuse,
        )
