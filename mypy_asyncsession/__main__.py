"""``python -m mypy_asyncsession`` is ``mypy-asyncsession``."""

from mypy_asyncsession.cli import main

main()
