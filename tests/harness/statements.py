"""Which lines belong to one statement."""

from __future__ import annotations

import ast
from functools import cache


@cache
def headers(text: str) -> dict[int, range]:
    """The statement at each line, as its lines without those of its body."""
    found: dict[int, range] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.stmt):
            body = getattr(node, "body", None)
            end = body[0].lineno if body else (node.end_lineno or node.lineno) + 1
            lines = range(node.lineno, max(end, node.lineno + 1))
            found.update(dict.fromkeys(lines, lines))
    return found


@cache
def functions(text: str) -> dict[int, range]:
    """The innermost function around each line, as its lines."""
    found: dict[int, range] = {}
    for node in ast.walk(ast.parse(text)):  # those inside another come after it
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            found.update(dict.fromkeys(lines, lines))
    return found
