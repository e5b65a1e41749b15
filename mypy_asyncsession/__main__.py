"""``python -m mypy_asyncsession`` is ``mypy-asyncsession``."""

import sys

if not getattr(sys.flags, "safe_path", False):
    # The working directory, of which nothing is to be imported: it is what is checked.
    del sys.path[0]

from mypy_asyncsession.cli import main

main()
