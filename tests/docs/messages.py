"""The messages of the library, found in its source, and the rows of the page that explains them."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from attrs import define, field, frozen

import detective_async

PACKAGE = Path(detective_async.__file__).parent
_SIMULATOR = PACKAGE / "testing"
#: Stands in a message for what is only known at run time.
HOLE = "\x00"
#: Error class, or function -> the position of its text among the arguments.
TEXTS = {
    "AssumeRoleError": 0,
    "BadParameter": 0,
    "Blocked": 1,
    "ClientClosed": 0,
    "CommandError": 0,
    "ConfigurationError": 0,
    "ConnectionAbortedError": 0,
    "CredentialsError": 0,
    "DeadlineExceeded": 0,
    "DecodeError": 0,
    "Failure": 2,
    "ImportError": 0,
    "LineProblem": 1,
    "MismatchError": 0,
    "NoResponse": 1,
    "Note": 1,
    "ParameterError": 1,
    "Problem": 2,
    "ProblemError": 1,
    "RuntimeError": 0,
    "SharedFileError": 1,
    "StoppedError": 1,
    "TypeError": 0,
    "UsageError": 0,
    "ValueError": 0,
    "WaiterTimeout": 0,
    "_BadLineError": 0,
    "_ProxyError": 0,
    "end": 0,
    "give_up": 0,
    "warn_explicit": 0,
    "warning": 0,
}
#: In a pair of one of these and a text, the text is a message, too.
_IN_PAIRS = frozenset({"AttemptTimeout", "ConnectError", "ConnectionLost"})
#: Expressions are followed through this many calls and variables.
_DEPTH = 5
#: A call that only shows a value: what it returns is no message.
_SHOWS = frozenset({"cut", "describe", "named", "repr", "shown", "str", "type_name", "with_article", "printable"})


@frozen(order=True)
class Message:
    """A message in the source: `kind` is the class or function that gets it, `text` has holes."""

    kind: str
    text: str
    where: str


@define(eq=False)
class _Module:
    path: Path
    tree: ast.Module = field(init=False)
    parents: dict[ast.AST, ast.AST] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        self.tree = ast.parse(self.path.read_text())
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node

    def imports(self, name: str, other: "_Module") -> bool:
        """Return whether it imports a name from another module."""
        full = ".".join(("detective_async", *other.path.relative_to(PACKAGE).with_suffix("").parts))
        found = (one for one in ast.walk(self.tree) if isinstance(one, ast.ImportFrom) and one.module == full)
        return any(name in {alias.name for alias in one.names} for one in found)

    def function_of(self, node: ast.AST) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
        found = self.parents.get(node)
        while found is not None and not isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
            found = self.parents.get(found)
        return found


@define(slots=False)
class Source:
    """The modules of the package, without the simulator."""

    modules: list[_Module]

    @classmethod
    def read(cls) -> "Source":
        """Read the installed package."""
        return cls([_Module(path) for path in sorted(PACKAGE.rglob("*.py")) if not path.is_relative_to(_SIMULATOR)])

    @cached_property
    def _functions(self) -> dict[str, list[tuple[_Module, ast.FunctionDef | ast.AsyncFunctionDef]]]:
        found: dict[str, list[tuple[_Module, ast.FunctionDef | ast.AsyncFunctionDef]]] = {}
        for module in self.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.setdefault(node.name, []).append((module, node))
        return found

    @cached_property
    def _calls(self) -> dict[str, list[tuple[_Module, ast.Call]]]:
        found: dict[str, list[tuple[_Module, ast.Call]]] = {}
        for module in self.modules:
            for node in ast.walk(module.tree):
                if isinstance(node, ast.Call):
                    found.setdefault(_name(node.func), []).append((module, node))
        return found

    @cached_property
    def _constants(self) -> dict[str, list[tuple[_Module, ast.expr]]]:
        found: dict[str, list[tuple[_Module, ast.expr]]] = {}
        for module in self.modules:
            for node in module.tree.body:
                for name, value in _assigned(node):
                    found.setdefault(name, []).append((module, value))
        return found

    def messages(self) -> Iterator[Message]:
        """Yield each message; those of one call may be several."""
        for kind, position in TEXTS.items():
            for module, call in self._calls.get(kind, ()):
                text = _argument(call, position)
                # The `end` of a call's telemetry has no text.
                if text is None or (kind == "end" and len(call.args) == 1):
                    continue
                found = {_message(kind, one, module, call) for one in self._texts(module, text, _DEPTH)}
                if any(is_opaque(one.text) for one in found):
                    found |= {_message(kind, one, module, call) for one in self._spelt_out(module, text)}
                # Those that only pass a text on say nothing, unless there are no others.
                yield from sorted(one for one in found if not is_opaque(one.text)) or sorted(found)[:1]

        yield from self._in_tables()

    def _in_tables(self) -> Iterator[Message]:  # noqa: C901 - likewise
        for module in self.modules:
            if module.path.parent.name == "cli":
                # Its table has remedies.
                continue
            for node in ast.walk(module.tree):
                match node:
                    case ast.Tuple(elts=[ast.Attribute(value=ast.Name(id="Reason")), text]):
                        for one in self._texts(module, text, _DEPTH):
                            yield _message("Blocked", one, module, node)
                    case ast.Tuple(elts=[ast.Name(id=kind), ast.Constant(value=str() as value)]) if kind in _IN_PAIRS:
                        yield _message(kind, re.sub(r"\{\w+\}", HOLE, value), module, node)
                    case ast.ClassDef(name="PaginationError"):
                        for call in ast.walk(node):
                            if isinstance(call, ast.Call) and call.args and _name(call.func) == "__init__":
                                for one in self._texts(module, call.args[0], _DEPTH):
                                    yield _message("PaginationError", one, module, call)

    def _spelt_out(self, module: _Module, node: ast.expr) -> Iterable[str]:
        """Return the texts with those of the variables in it: without them, they would say nothing."""
        if not isinstance(node, ast.JoinedStr):
            return self._texts(module, node, _DEPTH)
        found = [""]
        for value in node.values:
            inner = value.value if isinstance(value, ast.FormattedValue) else value
            is_text = isinstance(inner, ast.Constant) or (isinstance(inner, ast.Name) and inner.id == "problem")
            pieces = self._texts(module, inner, _DEPTH) if is_text else [HOLE]
            found = [one + str(piece) for one in found for piece in pieces]
        return sorted(set(found))

    # One case for each kind of expression.
    def _texts(self, module: _Module, node: ast.expr, depth: int) -> Iterable[str]:  # noqa: C901, PLR0911, PLR0912
        """Return what an expression may be, with holes for what is not known."""
        if depth < 0:
            return [HOLE]
        match node:
            case ast.Constant(value=str() as value):
                return [value]
            case ast.Constant(value=None):
                return []
            case ast.JoinedStr(values=values):
                found = [""]
                for value in values:
                    if isinstance(value, ast.FormattedValue):
                        pieces: Iterable[str] = [HOLE]
                    else:
                        pieces = self._texts(module, value, depth)
                    found = [one + piece for one in found for piece in pieces or [HOLE]]
                return found
            case ast.IfExp(body=body, orelse=orelse):
                return [*self._texts(module, body, depth), *self._texts(module, orelse, depth)]
            case ast.BoolOp(values=values):
                return [one for value in values for one in self._texts(module, value, depth)]
            case ast.Call(func=ast.Attribute(value=text, attr="format")):
                return [re.sub(r"\{\w+\}", HOLE, one) for one in self._texts(module, text, depth)]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                ends = self._texts(module, right, depth)
                return [one + end for one in self._texts(module, left, depth) for end in ends]
            case ast.NamedExpr(value=value) | ast.Await(value=value):
                return self._texts(module, value, depth)
            case ast.Name(id=name):
                return self._named(module, node, name, depth - 1)
            case ast.Call(func=func):
                return self._called(module, func, depth - 1)
            case _:
                return [HOLE]

    def _called(self, module: _Module, func: ast.expr, depth: int) -> Iterable[str]:
        found: list[str] = []
        if _name(func) in _SHOWS:
            return [HOLE]
        for where, function in self._functions.get(_name(func), ()):
            if isinstance(func, ast.Attribute) and where is not module:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None:
                    found += self._texts(where, node.value, depth)
        return found or [HOLE]

    def _named(self, module: _Module, node: ast.expr, name: str, depth: int) -> Iterable[str]:
        function = module.function_of(node)
        found: list[str] = []
        if function is not None:
            for one in ast.walk(function):
                for target, value in _assigned(one):
                    if target == name and value is not node:
                        found += self._texts(module, value, depth)
            if found:
                return found
            names = [one.arg for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
            if name in names:
                return self._given(function, name, depth)
        constants = self._constants.get(name, ())
        sources = {module, *(one for one, _ in constants if module.imports(name, one))}
        for where, value in (one for one in constants if one[0] in sources):
            found += self._texts(where, value, depth)
        return found or [HOLE]

    def _given(self, function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, depth: int) -> Iterable[str]:
        names = [one.arg for one in (*function.args.posonlyargs, *function.args.args)]
        shift = 1 if names and names[0] in {"self", "cls"} else 0
        position = names.index(name) - shift if name in names else None
        found: list[str] = []
        for where, call in self._calls.get(function.name, ()):
            text = next((one.value for one in call.keywords if one.arg == name), None)
            if text is None and position is not None and position < len(call.args):
                text = call.args[position]
            if text is not None:
                found += self._texts(where, text, depth)
        return found or [HOLE]


def is_opaque(text: str) -> bool:
    """Return whether a message has no words of its own."""
    return not re.search(r"[A-Za-z]{2}", text.replace("%s", ""))


def _message(kind: str, text: str, module: _Module, node: ast.Call | ast.Tuple) -> Message:
    text = re.sub(r"%[sd]", HOLE, text) if kind == "warning" else text
    text = re.sub(f"{HOLE}+", HOLE, text)
    return Message(kind, text, f"{module.path.relative_to(PACKAGE).as_posix()}:{node.lineno}")


def _name(func: ast.expr) -> str:
    return func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    named = {one.arg: one.value for one in call.keywords}
    for name in ("problem", "text", "message", "detail"):
        if name in named:
            return named[name]
    return call.args[position] if position < len(call.args) else None


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value
                elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    for one, part in zip(target.elts, value.elts, strict=False):
                        if isinstance(one, ast.Name):
                            yield one.id, part
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            yield name, value
        case ast.NamedExpr(target=ast.Name(id=name), value=value):
            yield name, value


@frozen
class Row:
    """A message on the page: its section, and its text, in which `...` stands for anything."""

    section: str
    text: str

    def matches(self, message: str) -> bool:
        """Return whether it explains a message."""
        return bool(re.fullmatch(".*".join(map(re.escape, self.text.split("..."))), message, re.DOTALL))

    @property
    def words(self) -> int:
        """How much of the message is not left open."""
        return len(self.text.replace("...", ""))


def read_rows(page: Path) -> list[Row]:
    """Return the messages in the first column of the tables of a page."""
    section, found = "", []
    for line in page.read_text().splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        elif line.startswith("| `"):
            first = line.removeprefix("| ").partition(" | ")[0]
            found += [Row(section, text) for text in re.findall(r"`([^`]+)`", first)]
    return found
