"""What the server knows while it runs: the projects, and how the editor wants them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from pygls.uris import from_fs_path, to_fs_path

from mypy_asyncsession.semantic.foreign_files import is_foreign
from mypy_asyncsession.server.analysis.project import Project
from mypy_asyncsession.server.analysis.roots import Root, is_below, root_of
from mypy_asyncsession.server.analysis.texts import lines_of, on_disk
from mypy_asyncsession.server.protocol.status import Status, status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pygls.lsp.server import LanguageServer

    from mypy_asyncsession.server.analysis.jobs import Settings
    from mypy_asyncsession.server.analysis.texts import Buffer

#: In the path of a file of the standard library.
_LIBRARY: Final = re.compile(
    r"[/\\]lib[/\\]python3[.\d]*[/\\]|[/\\]python3\d*[/\\]lib[/\\]", re.IGNORECASE
)

#: The name under which editors keep our settings.
SECTION: Final = "mypy-asyncsession"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an editor can switch off.

    Attributes:
        inlay_hints: Whether the types of getters are shown in the text.
        code_lens: Whether the uses of a provider are counted above it.
    """

    inlay_hints: bool = True
    code_lens: bool = True


class Session:
    """The projects that are open.

    Attributes:
        settings: How they are checked.
        wishes: What the editor wants to be shown.
        projects: They, by where they are.
        buffers: The files that are open, by absolute path.
        beginning: How often everything is being begun anew.
    """

    def __init__(self, server: LanguageServer, settings: Settings) -> None:
        """Begin with none.

        Args:
            server: The server.
            settings: How projects are checked.
        """
        self.server = server
        self.settings = settings
        self.wishes = Wishes()
        self.projects: dict[Root, Project] = {}
        self.buffers: dict[str, Buffer] = {}
        #: Called with the paths of which other findings are to be shown.
        self.publish: Callable[[Project, Iterable[str]], None] = lambda _project, _paths: None
        self.beginning = 0
        self._status = Status(server)
        self._given = settings
        self._roots: dict[str, Root] = {}

    # Settings

    def configure(self, values: object) -> bool:
        """Take over what the editor says; whether projects are to be checked in another way.

        Raises:
            ValueError: One of the values makes no sense; the message is one line.
        """
        if isinstance(values, dict) and isinstance(values.get(SECTION), dict):
            values = values[SECTION]
        if not isinstance(values, dict):
            return False
        settings, wishes = self._given, Wishes()
        for key, value in values.items():
            name = _snake(key)
            if name in {item.name for item in fields(Wishes)}:
                wishes = replace(wishes, **{name: _boolean(key, value)})
            elif name == "strict":
                settings = replace(settings, strict=_boolean(key, value))
            elif name in {"config_file", "cache_dir", "baseline"}:
                chosen: dict[str, Any] = {name: _path(key, value)}
                settings = replace(settings, **chosen)
            else:
                raise ValueError(f'there is no setting "{key}"')
        self.wishes = wishes
        changed = settings != self.settings
        self.settings = settings
        return changed

    # Projects

    def folders(self) -> list[str]:
        """The directories that are open in the editor."""
        paths = [to_fs_path(uri) for uri in self.server.workspace.folders]
        if not paths and self.server.workspace.root_path:
            paths = [self.server.workspace.root_path]
        return [os.path.normpath(path) for path in paths if path]

    def project(self, path: str) -> Project:
        """The project of a file; it is begun if it is not yet."""
        root = self._root(path)
        project = self.projects.get(root)
        if project is None:
            project = self.projects[root] = Project(root, self.settings, self)
            project.start()
            # What the one around it has found there is found anew by this one.
            for other in self.projects.values():
                self.publish(project, other.paths())
        return project

    def around(self, uri: str) -> list[Project]:
        """The projects that a directory is in, and those in it."""
        path = os.path.normpath(to_fs_path(uri) or os.curdir)
        return [
            project
            for root, project in self.projects.items()
            if is_below(path, root.directory) or is_below(root.directory, path)
        ]

    def known(self, uri: str) -> tuple[Project, str] | None:
        """The project of a document and its path, if it is a file of Python."""
        path = path_of(uri)
        if path is None or self._is_installed(path):
            return None
        return self.project(path), path

    def _is_installed(self, path: str) -> bool:
        """Whether a file is a package's or Python's own: who opens it only wants to read it."""
        if is_foreign(path):
            return True
        mine = any(path.startswith(folder + os.sep) for folder in self.folders())
        return not mine and _LIBRARY.search(path) is not None

    def changed(self, buffer: Buffer) -> None:
        """A file was opened, or edited."""
        self.buffers[buffer.path] = buffer
        self.project(buffer.path).changed(buffer)

    def closed(self, path: str) -> None:
        """A file was closed."""
        self.buffers.pop(path, None)
        self.project(path).closed(path)

    def owns(self, project: Project, path: str) -> bool:
        """Whether a file belongs to a project, and to none inside it that has begun."""
        root = self._root(path)
        if root not in self.projects:
            around = [each for each in self.projects if is_below(path, each.directory)]
            root = max(around, key=lambda each: len(each.directory), default=root)
        return root == project.root

    def forget_roots(self) -> None:
        """Configurations have come or gone: find out anew what belongs where."""
        self._roots.clear()

    async def begin_anew(self) -> None:
        """Begin all projects anew, with the texts that are open."""
        self.beginning += 1
        try:
            old = list(self.projects.values())
            self.projects.clear()
            self.forget_roots()
            for project in old:
                shown = project.paths()
                project.forget()
                self.publish(project, shown)
            for project in old:
                await project.close()
            # Some may have been opened, edited or closed meanwhile.
            for path, buffer in self.buffers.items():
                if self.project(path).buffers.get(path) is not buffer:
                    self.project(path).changed(buffer)
            for folder in self.folders():
                self.project(folder)
        finally:
            self.beginning -= 1
            self.show_status()

    async def close(self) -> None:
        """End everything."""
        for project in self.projects.values():
            await project.close()

    def _root(self, path: str) -> Root:
        if path not in self._roots:
            folder = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112
            if folder not in self._roots:
                self._roots[folder] = root_of(folder, self.folders())
            found = self._roots[folder]
            if found.directory == folder and not self.folders():
                found = root_of(path, ())
            self._roots[path] = found
        return self._roots[path]

    # What projects tell

    def found(self, project: Project, paths: Iterable[str]) -> None:
        """Other findings are to be shown of these files."""
        if self.projects.get(project.root) is project:
            self.publish(project, paths)
            self.show_status()

    def surveyed(self, project: Project) -> None:
        """There are other providers, or other uses: the editor is to ask for them again."""
        able = self.server.client_capabilities.workspace
        if able is None or self.projects.get(project.root) is not project:
            return
        if able.code_lens is not None and able.code_lens.refresh_support:
            self.server.workspace_code_lens_refresh(None)
        if able.inlay_hint is not None and able.inlay_hint.refresh_support:
            self.server.workspace_inlay_hint_refresh(None)

    def state_changed(self, project: Project) -> None:
        """A project's state is another one."""
        if self.projects.get(project.root) is project:
            self.show_status()

    def show_status(self) -> None:
        """Show how things are by now."""
        self._status.show(self.projects.values(), self.status())

    def status(self) -> dict[str, Any]:
        """How things are: the text of a status line, and what it is made of."""
        number = sum(
            len(project.findings(path))
            for project in self.projects.values()
            for path in project.paths()
            if self.owns(project, path)
        )
        return status(self.projects.values(), number, beginning=self.beginning > 0)

    # Texts

    def lines(self, project: Project, path: str) -> list[str]:
        """The lines of a file as it is in the editor, or else on disk."""
        return lines_of(self.text(project, path))

    def text(self, project: Project, path: str) -> str:
        """The text of a file as it is in the editor, or else on disk; empty if there is none."""
        buffer = project.buffers.get(path)
        return buffer.text if buffer is not None else on_disk(path) or ""


def path_of(uri: str) -> str | None:
    """The path of a document, if it is a file of Python on disk."""
    path = to_fs_path(uri) if uri.startswith("file:") else None
    if path is None or not path.endswith((".py", ".pyi")):
        return None
    return os.path.normpath(path)


def uri_of(path: str) -> str:
    """The document of a path."""
    return from_fs_path(path) or ""


def _snake(key: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in key).replace("-", "_")


def _boolean(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f'"{key}" is true or false')  # noqa: TRY004
    return value


def _path(key: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"{key}" is a path')
    return value or None
