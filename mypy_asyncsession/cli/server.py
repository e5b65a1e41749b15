"""``mypy-asyncsession server``."""

from __future__ import annotations

import os

import click

from mypy_asyncsession.checking.report import CannotRun
from mypy_asyncsession.cli import common
from mypy_asyncsession.cli.group import NOTHING


@click.command(short_help="Serve an editor: findings, fixes and explanations while one types.")
@common.config_file
@common.cache_dir
@click.option("--strict", is_flag=True, help="Turn on the rules that are off by default, too.")
@click.option(
    "--baseline",
    metavar="FILE",
    help="Show only what is not in this file, which check --baseline makes.",
)
@click.option("--stdio", is_flag=True, help="Use standard input and output, as it does anyway.")
def server(
    config_file: str | None,
    cache_dir: str | None,
    strict: bool,
    baseline: str | None,
    stdio: bool,
) -> int:
    """Serve an editor in the language server protocol, on standard input and output.

    An editor starts it; the README says how each of them is told to. It needs what
    `pip install "mypy-asyncsession[server]"` brings. Nothing of the project is executed, and
    nothing is written but the cache.
    """
    del stdio
    try:
        from mypy_asyncsession.server.protocol.server import language_server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"lsprotocol", "pygls"}:
            raise
        raise CannotRun('the server needs pygls: pip install "mypy-asyncsession[server]"') from None
    from mypy_asyncsession.server.analysis.jobs import Settings

    settings = Settings(
        config_file=config_file, cache_dir=cache_dir, baseline=baseline, strict=strict
    )
    # What anything prints is not to come between what is said to the editor.
    with os.fdopen(os.dup(0), "rb") as heard, os.fdopen(os.dup(1), "wb") as said:
        os.dup2(2, 1)
        language_server(settings).start_io(heard, said)
    return NOTHING
