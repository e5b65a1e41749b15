"""What all commands have in common: how they end."""

from __future__ import annotations

import contextlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mypy_asyncsession import __version__
from mypy_asyncsession.cli.terminal import discard, tell
from mypy_asyncsession.near import near
from mypy_asyncsession.printable import printable
from mypy_asyncsession.refused import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The exit status of a run that found nothing, that found something, that could not run.
NOTHING, FOUND, COULD_NOT_RUN = 0, 1, 2

#: What a shell gives a command that was ended by Ctrl-C.
_INTERRUPTED = 130


class Group(click.Group):
    """A group of commands that say in one line why they could not run.

    The module of a command is imported when the command is asked for.
    """

    def __init__(self, names: Iterable[str], **settings: Any) -> None:
        super().__init__(
            context_settings={"help_option_names": ["-h", "--help"]},
            invoke_without_command=True,
            callback=_help_if_nothing_else,
            **settings,
        )
        self._names = tuple(names)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The names of the commands."""
        return sorted(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; each is called like its module."""
        if cmd_name in self._names and cmd_name not in self.commands:
            module = import_module(f"mypy_asyncsession.cli.{cmd_name}")
            self.add_command(getattr(module, cmd_name))
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; what is none is said with what it may be."""
        name = args[0]
        if name not in self._names and not name.startswith("-"):
            hint = near(name, self._names)
            if not hint and os.path.exists(name):  # noqa: PTH110
                hint = f' (did you mean "check {name}"?)'
            raise click.UsageError(f'there is no command "{name}"{hint}', ctx)
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **settings: Any) -> NoReturn:
        """Run the command that the arguments name, and exit with its status."""
        settings = {"prog_name": "mypy-asyncsession", **settings, "standalone_mode": False}
        _open_standard_files()
        if sys.stdout is None:
            _cannot_run("standard output is closed")
        try:
            status = super().main(*args, **settings)
            sys.stdout.flush()
        except click.Abort:
            tell("mypy-asyncsession: interrupted")
            # If the signal came in an exec, as in a dataclass that is being made, Python remembers
            # that, and would end by the signal in spite of the status; the next exec forgets it.
            exec("")
            sys.exit(_INTERRUPTED)
        except click.NoSuchOption as error:
            _cannot_run(_no_option(error))
        except click.UsageError as error:
            asked = f" (see {error.ctx.command_path} --help)" if error.ctx is not None else ""
            _cannot_run(f"{error.format_message().rstrip('.')}{asked}")
        except click.ClickException as error:
            _cannot_run(error.format_message())
        except BrokenPipeError:
            # Whoever read the output has had enough; nothing more is to be written to it.
            discard(sys.stdout)
            sys.exit(COULD_NOT_RUN)
        except (OSError, MemoryError) as error:
            _cannot_run(_refused(error))
        except Exception as error:  # noqa: BLE001
            _cannot_run(_described(error))
        sys.exit(status or NOTHING)


def _no_option(error: click.NoSuchOption) -> str:
    """What to say of an option that a command does not have."""
    context = error.ctx
    if context is None:
        return error.format_message()
    options = {name for param in context.command.get_params(context) for name in param.opts}
    name = error.option_name
    hint = near(name, (option for option in options if option.startswith("--")))
    return f'there is no option "{name}"{hint} (see {context.command_path} --help)'


def _refused(error: OSError | MemoryError) -> str:
    """What the machine refused."""
    words = in_words(error) or str(error)
    if isinstance(error, OSError) and error.filename is None and _in_output(error):
        discard(sys.stdout)
        return f"standard output cannot be written to: {words}"
    try:
        os.getcwd()  # noqa: PTH109
    except OSError:
        return "the working directory is not there any more"
    return words


def _in_output(error: OSError) -> bool:
    """Whether it was raised by what prints: standard error takes everything (``tell``)."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    path = place.tb_frame.f_code.co_filename if place is not None else ""
    return bool({"cli", "click", "rich"}.intersection(Path(path).parts))


def _described(error: Exception) -> str:
    """What went wrong: mostly it is an exception that says what to do."""
    import traceback

    from mypy_asyncsession.checking.report import CannotRun
    from mypy_asyncsession.config import ConfigError

    if isinstance(error, (CannotRun, ConfigError)):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"internal error: {type(error).__name__}: {error} "
        f"({os.path.basename(place.filename)}:{place.lineno}): please report it"
    )


def _open_standard_files() -> None:
    """Have 0, 1 and 2 be taken: else they would be given to files that are opened later."""
    with contextlib.suppress(OSError):
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(opened)


def _cannot_run(message: str) -> NoReturn:
    with contextlib.suppress(OSError):  # the directory may be gone
        message = message.replace(os.path.join(os.getcwd(), ""), "")  # noqa: PTH109
    line = printable(" ".join(message.split()))
    tell(f"mypy-asyncsession: error: {line}")
    sys.exit(COULD_NOT_RUN)


@click.pass_context
def _help_if_nothing_else(ctx: click.Context) -> None:
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _print_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"mypy-asyncsession {__version__} (mypy {version('mypy')})")
        ctx.exit()


version = click.Option(
    ["-V", "--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of this program and of mypy.",
)
