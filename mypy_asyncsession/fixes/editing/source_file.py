"""One file to fix: its tree, where everything stands in it, and how it is found again.

mypy's columns are too small behind a character that is not ASCII, so an expression is looked up
by its line and by how it is written, and by its column only where that can be trusted.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

from mypy_asyncsession.fixes.cannot_fix import CannotFix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libcst.metadata import CodeRange

    from mypy_asyncsession.findings import Span

_Node = TypeVar("_Node", bound=cst.CSTNode)
Function = cst.FunctionDef | cst.Lambda


class SourceFile:
    """A file as it is before the fixes of a round.

    Attributes:
        path: The file, as it is shown.
        content: Its bytes.
        module: Its tree.
    """

    def __init__(self, path: str, content: bytes) -> None:
        """Read *content*.

        Raises:
            CannotFix: It cannot be parsed, or not be written as it was.
        """
        self.path = path
        self.content = content
        try:
            self.module = cst.parse_module(content)
        except (cst.ParserSyntaxError, UnicodeDecodeError, LookupError, RecursionError):
            raise CannotFix("LibCST cannot parse the file") from None
        # Lines that end with a carriage return alone are not what LibCST would write again.
        if re.search(rb"\r(?!\n)", content) or (
            self.module.bytes.count(b"\n") != content.count(b"\n")
        ):
            raise CannotFix("LibCST does not reproduce the file as it is")
        wrapper = MetadataWrapper(self.module, unsafe_skip_copy=True)
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._ranges = wrapper.resolve(PositionProvider)
        self._lines = self.module.code.split("\n")
        self._starts: dict[int, list[cst.CSTNode]] = defaultdict(list)
        for node, found in self._ranges.items():
            self._starts[found.start.line].append(node)

    def __contains__(self, node: cst.CSTNode) -> bool:
        """Whether a node is one of the file's own."""
        return node in self._parents

    # Around a node

    def parent(self, node: cst.CSTNode) -> cst.CSTNode:
        """The node that *node* is a part of."""
        return self._parents[node]

    def ancestors(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The nodes around a node, the nearest first."""
        while node is not self.module:
            node = self._parents[node]
            yield node

    def around(self, node: cst.CSTNode, kind: type[_Node]) -> _Node | None:
        """The nearest node around *node* that is of a kind."""
        return next((each for each in self.ancestors(node) if isinstance(each, kind)), None)

    def statement(self, node: cst.CSTNode) -> cst.BaseStatement:
        """The statement that a node stands in, or is.

        Raises:
            CannotFix: It shares its line with others.
        """
        for each in (node, *self.ancestors(node)):
            if isinstance(each, cst.SimpleStatementSuite):
                break
            if isinstance(each, cst.BaseStatement):
                return each
        raise CannotFix("it shares its line with another statement")

    def function(self, node: cst.CSTNode) -> Function | None:
        """The function whose body a node is evaluated in."""
        inner = node
        for each in self.ancestors(node):
            if isinstance(each, cst.Lambda) and inner is each.body:
                return each
            if isinstance(each, cst.FunctionDef) and inner is each.body:
                return each
            inner = each
        return None

    def in_async(self, node: cst.CSTNode) -> bool:
        """Whether ``await`` is allowed where a node stands."""
        function = self.function(node)
        return isinstance(function, cst.FunctionDef) and function.asynchronous is not None

    def line(self, node: cst.CSTNode) -> int:
        """The line that a node begins on, 1-based."""
        return self._ranges[node].start.line

    def range(self, node: cst.CSTNode) -> CodeRange:
        """Where a node stands."""
        return self._ranges[node]

    def code(self, node: cst.CSTNode) -> str:
        """A node as it is written."""
        return self.module.code_for_node(node)

    # Looking up

    def find(
        self,
        span: Span,
        accept: Callable[[cst.CSTNode], bool],
        otherwise: str = "the expression was not found again in the file",
    ) -> cst.CSTNode:
        """The node that stands at *span* and is the one that is looked for.

        Args:
            span: Where it stands.
            accept: Whether a node may be the one.
            otherwise: Why there is no fix where there is none.

        Raises:
            CannotFix: There is none, or there are several that it may be.
        """
        found = [node for node in self._starts.get(span.line, ()) if accept(node)]
        exact = [node for node in found if self._is_at(node, span)]
        if self._lines[span.line - 1 : span.line] and self._lines[span.line - 1].isascii():
            found = exact
        elif len(found) > 1:
            # Behind a wide character the column is too small, and never too large.
            found = [node for node in found if self._range_fits(node, span)]
        if len(found) != 1:
            raise CannotFix(otherwise)
        return found[0]

    def on_lines(self, first: int, last: int) -> Iterator[cst.CSTNode]:
        """The nodes that begin on one of some lines."""
        for line in range(first, last + 1):
            yield from self._starts.get(line, ())

    def _is_at(self, node: cst.CSTNode, span: Span) -> bool:
        start = self._ranges[node].start
        return start.column == span.column

    def _range_fits(self, node: cst.CSTNode, span: Span) -> bool:
        found = self._ranges[node]
        return found.end.line == span.end_line and found.start.column >= span.column

    def expression(self, span: Span, text: str) -> cst.BaseExpression:
        """The expression at *span* that is written as *text*.

        Raises:
            CannotFix: It cannot be told which one it is.
        """
        # Several begin at one place: a call, its function, and what that is an attribute of.
        node = self.find(span, lambda node: self._fits(node, span, text))
        assert isinstance(node, cst.BaseExpression)
        return node

    def _fits(self, node: cst.CSTNode, span: Span, text: str) -> bool:
        if not isinstance(node, cst.BaseExpression) or written(node) != text:
            return False
        found = self._ranges[node].end
        if text != "..." or not self._lines[span.line - 1].isascii():
            return found.line == span.end_line
        return (found.line, found.column) == (span.end_line, span.end_column)


def written(node: cst.BaseExpression) -> str:
    """An expression as findings write it: arguments and other details shortened to ``...``."""
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        if isinstance(node.value, cst.Call) and written(node.value.func) == "super":
            return f"super().{node.attr.value}"
        return f"{written(node.value)}.{node.attr.value}"
    if isinstance(node, cst.Call):
        return f"{written(node.func)}({'...' if node.args else ''})"
    if isinstance(node, cst.Await):
        return f"await {written(node.expression)}"
    if isinstance(node, cst.Subscript):
        return f"{written(node.value)}[...]"
    if isinstance(node, cst.Lambda):
        return "lambda"
    if isinstance(node, cst.Tuple):
        return ", ".join(written(element.value) for element in node.elements)
    return "..."
