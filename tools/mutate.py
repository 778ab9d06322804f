"""What can be broken in a Python source, one small change at a time: each possible change is a `Mutant`.

Left alone are docstrings, annotations, the texts of errors and of help, f-strings and imports: no test should hold
their wording. So is `__all__`, whose names ruff holds.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
_ARITHMETIC = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.BitXor: ("^", "&"),
}
_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the bytes from `start` to `end`, which read `before`, become `after`."""

    path: str
    start: int
    end: int
    before: str
    after: str
    operator: str
    line: int
    text: str  # of the line, without its indent: it stays when the line moves
    nth: int = 0  # among equal changes of equal lines

    @property
    def name(self) -> str:
        """A name that lasts while the line does."""
        return f"{self.path}|{self.text}|{self.operator}|{self.before}|{self.after}|{self.nth}"

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]

    def changes(self, source: bytes) -> bool:
        """Tell whether the source still is Python afterwards, and means something else."""
        try:
            return ast.dump(ast.parse(self.applied(source))) != ast.dump(ast.parse(source))
        except SyntaxError:
            return False

    def diff(self, source: bytes) -> str:
        old, new = (content.decode().splitlines() for content in (source, self.applied(source)))
        lines = difflib.unified_diff(old, new, self.path, self.path, n=1, lineterm="")
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def mutants(path: str, source: bytes) -> list[Mutant]:
    """Return every mutant of a source, in the order of the source; some few may change nothing."""
    tree = ast.parse(source)
    seen, result = {}, []
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    for operator, (start, end), after in sorted(set(_Finder(source, starts).changes(tree)), key=lambda c: (c[1], c)):
        line = next(number for number, begin in enumerate(starts) if begin > start)
        text = lines[line - 1].decode().strip()
        mutant = Mutant(path, start, end, source[start:end].decode(), after, operator, line, text)
        nth = seen[mutant.name] = seen.get(mutant.name, -1) + 1
        result.append(Mutant(**{**vars(mutant), "nth": nth}))
    return result


class _Finder:
    """Walk a tree and yield (operator, (start, end), replacement) for each change."""

    def __init__(self, source: bytes, starts: list[int]):
        self.source, self.starts = source, starts

    def span(self, node) -> tuple[int, int]:
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node) -> str:
        start, end = self.span(node)
        return self.source[start:end].decode()

    def changes(self, node, *, wording: bool = False) -> Iterator[tuple[str, tuple[int, int], str]]:
        """Yield the changes of a node and of what it holds; in `wording`, texts stay as they are."""
        if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom) or _is_list_of_names(node):
            return
        wording = wording or isinstance(node, ast.Raise | ast.Assert) or _is_help(node)
        visit = getattr(self, f"_{type(node).__name__.lower()}", None)
        if visit and not (wording and isinstance(node, ast.Constant) and isinstance(node.value, str)):
            yield from visit(node)
        if isinstance(node, ast.If | ast.While | ast.IfExp):
            yield "condition", self.span(node.test), f"(not ({self.text(node.test)}))"
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "decorator_list", "type_comment"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_docstring(child, field, node):
                    yield from self.changes(child, wording=wording)

    def _between(self, left, right, old, new, operator):
        start, end = self.span(left)[1], self.span(right)[0]
        at = self.source.find(old.encode(), start, end)
        if at >= 0:
            yield operator, (at, at + len(old)), new

    def _compare(self, node):
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
            old, replacements = _COMPARISONS[type(operator)]
            for new in replacements:
                yield from self._between(left, right, old, new, "comparison")

    def _binop(self, node):
        texts = (ast.JoinedStr, ast.Constant)
        if any(isinstance(side, texts) and not _is_number(side) for side in (node.left, node.right)):
            return
        if type(node.op) in _ARITHMETIC:
            yield from self._between(node.left, node.right, *_ARITHMETIC[type(node.op)], "arithmetic")

    def _augassign(self, node):
        if type(node.op) in _ARITHMETIC:
            old, new = _ARITHMETIC[type(node.op)]
            yield from self._between(node.target, node.value, f"{old}=", f"{new}=", "arithmetic")
        yield "statement", self.span(node), "pass"

    def _boolop(self, node):
        old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from self._between(left, right, old, new, "boolean")

    def _unaryop(self, node):
        if isinstance(node.op, ast.Not | ast.USub | ast.Invert):
            operator = "boolean" if isinstance(node.op, ast.Not) else "arithmetic"
            yield operator, self.span(node), f"({self.text(node.operand)})"

    def _constant(self, node):
        value, span = node.value, self.span(node)
        if isinstance(value, bool):
            yield "constant", span, str(not value)
        elif isinstance(value, int):
            yield "constant", span, str(value + 1)
            yield "off by one", span, f"({value - 1})"
        elif isinstance(value, float):
            yield "constant", span, repr(value * 2 if value else 1.0)
        elif isinstance(value, str | bytes):
            mark = "mutant " if isinstance(value, str) else b"mutant "
            yield "constant", span, repr(mark + value)

    def _slice(self, node):
        for bound in (node.lower, node.upper):
            if bound is not None and not _is_number(bound):
                yield "off by one", self.span(bound), f"({self.text(bound)}) + 1"

    def _return(self, node):
        if node.value is not None and not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield "return", self.span(node), "return None"

    def _expr(self, node):
        if isinstance(node.value, ast.Call):
            yield "statement", self.span(node), "pass"

    def _assign(self, node):
        if all(isinstance(target, ast.Attribute | ast.Subscript) for target in node.targets):
            yield "statement", self.span(node), "pass"

    def _pass_instead(self, node):
        yield "statement", self.span(node), "pass"

    _raise = _delete = _continue = _break = _pass_instead

    def _comprehension(self, node):
        for test in node.ifs:
            yield "condition", self.span(test), f"(not ({self.text(test)}))"

    def _call(self, node):
        if isinstance(node.func, ast.Name) and node.func.id in _CALLS:
            yield "call", self.span(node.func), _CALLS[node.func.id]
        elif isinstance(node.func, ast.Name) and node.func.id == "range":
            yield "off by one", self.span(node.args[-1]), f"({self.text(node.args[-1])}) - 1"
        elif len(node.args) > 1 and not any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
            first, second = self.span(node.args[0]), self.span(node.args[1])
            between = self.source[first[1] : second[0]].decode()
            yield "call", (first[0], second[1]), self.text(node.args[1]) + between + self.text(node.args[0])


def _is_number(node) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _is_help(node) -> bool:
    return isinstance(node, ast.keyword) and node.arg == "help"


def _is_list_of_names(node) -> bool:
    return isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["__all__"]


def _is_docstring(child, field, parent) -> bool:
    return (
        field == "body"
        and isinstance(parent, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        and isinstance(child, ast.Expr)
        and isinstance(child.value, ast.Constant)
    )
