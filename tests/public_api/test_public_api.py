"""No public name or signature disappears or changes without an entry in CHANGELOG.md."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

import detective_async
from public_api.changelog import sections
from public_api.compare import CHANGELOG, RELEASED, from_text, to_text, unexplained
from public_api.describe import describe

_SAMPLE = """
import enum
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Generic, Literal, Optional, TypedDict, TypeVar, Unpack

from attrs import field, frozen

T = TypeVar("T")
Provider = Callable[[], int] | None

class Options(TypedDict, total=False):
    region: str
    seconds: float

class _Base(Generic[T]):
    def inherited(self) -> T: ...

class Client(_Base[T]):
    def __init__(self, region: Optional[str] = None, *, provider: Provider = None) -> None:
        self.region = region

    async def call(self, name: str, *names: str, timeout: float = 5.0) -> "list[str]": ...
    async def items(self, mode: Literal["a", "b"] = "a", /) -> AsyncIterator[T]: yield
    @property
    def endpoint(self) -> str: ...
    @classmethod
    def make(cls, **options: Unpack[Options]) -> "Client[int]": ...
    def __call__(self) -> None: ...
    def _private(self) -> None: ...

@frozen
class Model:
    account_id: str
    tags: dict[str, str] = field(factory=dict, kw_only=True)
    region: str = field(default="here", kw_only=True)

@frozen
class Result:
    value: int
    _source: Client[int]

class Status(enum.StrEnum):
    ON = "ON"
    OFF = "OFF"

class Problem(Exception):
    def __init__(self, code: str) -> None:
        self.code = code

class Special(Problem): ...

def function(items: Iterable[str], limit: int = 10) -> None: ...

LIMIT = 5
__all__ = ["LIMIT", "Client", "Model", "Options", "Problem", "Result", "Special", "Status", "function"]
"""
_DESCRIBED = """
s.Client: class(region: str | None = None, *, provider: Callable[[], int] | None = None)
s.Client.__call__: function() -> None
s.Client.call: async function(name: str, *names: str, timeout: float = 5.0) -> list[str]
s.Client.endpoint: property -> str
s.Client.inherited: function() -> T
s.Client.items: function(mode: Literal['a', 'b'] = 'a', /) -> AsyncIterator[T]
s.Client.make: class method, function(*, region: str = ..., seconds: float = ...) -> Client[int]
s.Client.region: attribute
s.LIMIT: int
s.Model: class(account_id: str, *, tags: dict[str, str] = ..., region: str = 'here')
s.Model.account_id: attribute: str
s.Model.region: attribute: str
s.Model.tags: attribute: dict[str, str]
s.Options: class of dict
s.Options.region: key, optional: str
s.Options.seconds: key, optional: float
s.Problem: class of Exception(code: str)
s.Problem.code: attribute
s.Result: class
s.Result.value: attribute: int
s.Special: class of Problem
s.Status: class of StrEnum
s.Status.OFF: = 'OFF'
s.Status.ON: = 'ON'
s.function: function(items: Iterable[str], limit: int = 10) -> None
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Load":
    return Load(tmp_path, monkeypatch)


class Load:
    """Describes the API of a module that is given as text."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch
        self._count = 0

    def __call__(self, source: str) -> dict[str, str]:
        self._count += 1
        path = self._folder / f"sample_{self._count}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(f"detective_async.{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        self._monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return describe({"s": module})


def test_the_recorded_api_is_the_latest_releases() -> None:
    """The file, the package and the changelog agree on the version."""
    version, api = from_text(RELEASED.read_text())
    assert version == detective_async.__version__ == list(sections(CHANGELOG.read_text()))[1]
    assert RELEASED.read_text() == to_text(version, api)


def test_what_was_removed_or_changed_is_in_the_changelog() -> None:
    """Whatever the latest release had and is different now is named under Unreleased, as Changed or Removed."""
    found = unexplained(from_text(RELEASED.read_text())[1], describe(), CHANGELOG.read_text())
    assert not found, "name it in CHANGELOG.md under Unreleased, as Changed or Removed:\n" + "\n".join(found)


def test_the_description_of_an_api(load: Load) -> None:
    """Names, kinds of parameters, annotations, defaults, attributes, members of enums; nothing that is private."""
    lines = [f"{path}: {description}" for path, description in load(_SAMPLE).items()]
    assert lines == _DESCRIBED.strip().splitlines()


def test_it_does_not_matter_how_annotations_are_evaluated(load: Load) -> None:
    """Annotations that remain text at run time are described like others."""
    assert load(f"from __future__ import annotations\n{_SAMPLE}") == load(_SAMPLE)


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        pytest.param('"Status", "function"', '"Status"', "function", id="a removed function"),
        pytest.param('"Model", "Options"', '"Options"', "Model", id="a removed class"),
        pytest.param("def inherited", "def _inherited", "Client.inherited", id="a removed method of a private base"),
        pytest.param("    OFF = ", "    _OFF = ", "Status.OFF", id="a removed member of an enum"),
        pytest.param('    OFF = "OFF"', '    OFF = "off"', "Status.OFF", id="a member's value"),
        pytest.param("    account_id: str", "    account: str", "Model.account_id", id="a renamed attribute"),
        pytest.param('"here"', '"there"', "Model", id="a default of a model"),
        pytest.param("self.code = code", "self._code = code", "Problem.code", id="an attribute of an error"),
        pytest.param("limit: int", "maximum: int", "function", id="a renamed parameter"),
        pytest.param("limit: int = 10", "limit: int = 20", "function", id="a changed default"),
        pytest.param("limit: int = 10", "*, limit: int = 10", "function", id="a parameter's kind"),
        pytest.param("limit: int = 10", "limit: int", "function", id="a default that is gone"),
        pytest.param("name: str, *names", "name: bytes, *names", "Client.call", id="an annotation"),
        pytest.param("Callable[[], ", "Callable[[int], ", "Client", id="an annotation behind an alias"),
        pytest.param('"a", "b"', '"a"', "Client.items", id="a literal"),
        pytest.param("async def call", "def call", "Client.call", id="async to sync"),
        pytest.param("    @property\n", "", "Client.endpoint", id="a property to a method"),
        pytest.param("(Problem): ...", "(Exception): ...", "Special", id="a base class"),
        pytest.param("    seconds: float\n", "", "Options.seconds", id="a key"),
        pytest.param("LIMIT = 5", "LIMIT = None", "LIMIT", id="a constant's type"),
    ],
)
def test_a_change_needs_an_entry(load: Load, before: str, after: str, name: str) -> None:
    """It is reported, unless an entry under Changed or Removed of the unreleased version names it."""
    released, current = load(_SAMPLE), load(_SAMPLE.replace(before, after, 1))
    entry = f"- The `{name}` is no longer what it was.\n"
    elsewhere = f"## [Unreleased]\n\n### Added\n\n{entry}\n## [0.1.0] - 2026-11-25\n\n### Changed\n\n{entry}"
    reported = unexplained(released, current, elsewhere)
    assert f"s.{name}" in {text.partition("\n")[0] for text in reported}
    rest = ("`Options` lacks it", "`Client.make` likewise")
    for kind in ("Changed", "Removed"):
        changelog = f"## [Unreleased]\n\n### {kind}\n\n{entry}- {', '.join(rest)}.\n\n## [0.1.0] - 2026-11-25\n"
        assert unexplained(released, current, changelog) == []


def test_additions_need_no_entry(load: Load) -> None:
    """A new name breaks no program."""
    added = _SAMPLE.replace("    OFF =", '    NEW = "NEW"\n    OFF =').replace("    def _private", "    def public")
    assert unexplained(load(_SAMPLE), load(added), "## [Unreleased]\n") == []


def test_an_entry_about_another_name_does_not_count(load: Load) -> None:
    """Names are compared as a whole, members with their class, and constructors only with what changed in them."""
    changed = load(_SAMPLE.replace("name: str, *names", "name: bytes, *names").replace("region: Op", "where: Op"))
    for name in ("call", "_call", "Model.call", "MyClient.call", "Client.caller", "Client.endpoint", "MyClient"):
        changelog = f"## [Unreleased]\n\n### Changed\n\n- `{name}`.\n"
        assert len(unexplained(load(_SAMPLE), changed, changelog)) == 2, name
