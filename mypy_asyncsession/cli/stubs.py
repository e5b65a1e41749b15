"""``mypy-asyncsession stubs``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mypy_asyncsession.cli import common
from mypy_asyncsession.cli.group import NOTHING
from mypy_asyncsession.cli.terminal import tell
from mypy_asyncsession.printable import printable


@click.command(short_help="Write stubs with the types that getters should have.")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option(
    "--output",
    metavar="DIR",
    default="stubs",
    show_default=True,
    type=click.Path(file_okay=False),
    help="The directory to write them to.",
)
@common.config_file
@common.cache_dir
def stubs(
    paths: tuple[str, ...], output: str, config_file: str | None, cache_dir: str | None
) -> int:
    """Write stub files for the getters of sessions whose return type is missing or wrong.

    PATHs are files and directories; without one, it is the current directory. The sources stay as
    they are. Only files that this command wrote itself are written again.

    \b
      mypy-asyncsession stubs src                to stubs/
      mypy-asyncsession stubs src --output overlay

    They are an overlay for mypy, and hold these getters alone. For pyright, and whatever else reads
    sources, `mypy-asyncsession fix --only session-getter` writes the same types into them.

    To have mypy apply them, name the directory in pyproject.toml:

    \b
      [tool.mypy-asyncsession]
      overlays = ["stubs"]

    The exit status is 0, or 2 if it could not run.
    """  # noqa: D301
    from mypy_asyncsession.audit.stub_files import MARK, stub_files
    from mypy_asyncsession.checking.options import Options
    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.writing import write

    options = Options(config_file=config_file, cache_dir=cache_dir, survey=True, projects=True)
    report = common.run(paths, options)
    files = stub_files(provider for found in report.surveys for provider in found.providers)
    folder = Path(output)
    # Where it is if no link leads elsewhere: the tree may hold one of this name.
    real = Path(os.path.realpath(folder if folder.is_absolute() else os.curdir))
    for name in files:
        path = folder / name
        inside = name if folder.is_absolute() else path
        if os.path.realpath(path.parent) != os.path.normpath((real / inside).parent):
            raise CannotRun(f'"{path}" is behind a symbolic link: choose another --output')
        if path.is_file() and path.name != "py.typed" and not _ours(path, MARK):
            raise CannotRun(f'"{path}" was not written by this command: choose another --output')
    for name, text in files.items():
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write(folder / name, text.encode())
        except OSError as error:
            raise CannotRun(f'"{folder / name}" cannot be written: {error.strerror}') from None
        click.echo(printable(str(folder / name)))
    written = sum(name.endswith(".pyi") for name in files)
    if written:
        tell(
            f"Wrote {written} stub file{'' if written == 1 else 's'}: to apply them, set "
            f'overlays = ["{output}"] in [tool.mypy-asyncsession]'
        )
    else:
        tell("Every getter of a session says what it gives: there is nothing to write")
    return NOTHING


def _ours(path: Path, mark: str) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(mark)
    except (OSError, UnicodeDecodeError):
        return False
