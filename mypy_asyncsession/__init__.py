"""Rejects session providers that are used in the wrong way: mypy, FastAPI, async SQLAlchemy."""

from typing import Final

__version__: Final = "0.2.0"
