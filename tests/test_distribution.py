"""What is in the wheel beside the code, and in the files that describe the project."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import Distribution, distribution
from modulefinder import ModuleFinder
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from public_api.changelog import sections

import detective_async
from detective_async import testing
from detective_async.api import models
from detective_async.auth import aws_requests_auth

ROOT = Path(__file__).parents[1]
_KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
_LONGEST = 120


@pytest.fixture
def installed() -> Distribution:
    return distribution("detective-async")


def test_the_bill_of_materials_has_what_the_package_requires(installed: Distribution) -> None:
    """Each declared dependency is in it once, with the scope that it has, and the package itself with its version."""
    bill = json.loads(installed.read_text("sboms/detective-async.cdx.json") or "")
    requirements = [Requirement(line) for line in installed.requires or ()]
    required = {canonicalize_name(one.name) for one in requirements if "extra" not in str(one.marker)}
    optional = {canonicalize_name(one.name) for one in requirements} - required
    assert sorted((one["name"], one["scope"]) for one in bill["components"]) == sorted(
        [(name, "required") for name in required] + [(name, "optional") for name in optional]
    )
    assert bill["metadata"]["component"]["version"] == installed.version
    (root,) = bill["dependencies"]
    assert root["ref"] == bill["metadata"]["component"]["bom-ref"]
    assert root["dependsOn"] == [one["bom-ref"] for one in bill["components"]]


def test_the_bill_of_materials_has_what_is_in_the_wheel(installed: Distribution) -> None:
    """Each library of the web pages is a part of the package, with version and licence; its text is installed."""
    bill = json.loads(installed.read_text("sboms/detective-async.cdx.json") or "")
    parts = {one["name"]: (one["version"], one["licenses"]) for one in bill["metadata"]["component"]["components"]}
    vendored = json.loads(
        (Path(detective_async.__file__).parent / "testing/page/static/parts/versions.json").read_text()
    )
    assert parts == {name: (one["version"], [{"license": {"id": one["license"]}}]) for name, one in vendored.items()}
    texts = installed.metadata.get_all("License-File") or []
    assert sum("parts" in name for name in texts) == len(vendored)
    assert {"MIT", "Apache-2.0"} <= set(installed.metadata["License-Expression"].split())


def test_the_description_has_no_links_into_the_repository(installed: Distribution) -> None:
    """On a package index they lead nowhere; the names of the files are there."""
    # Not `str` of all: from Python 3.13, it refuses the licence's text, a header with an empty line.
    text = installed.metadata["Description"]
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert "docs/how-to/onboard.md" in text


def test_the_bill_of_materials_is_valid(installed: Distribution) -> None:
    """It follows CycloneDX's schema."""
    # Importing the validator compiles grammars for seconds, which would be added to the start of every test process.
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    text = installed.read_text("sboms/detective-async.cdx.json") or ""
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def _imports(module: ModuleType) -> Iterator[str]:
    """Yield the modules that a module's byte code names, executed or not."""
    path = Path(module.__file__ or "")
    for kind, found in ModuleFinder().scan_opcodes(compile(path.read_text(), path, "exec")):
        if kind == "absolute_import":
            yield found[1]


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        (detective_async, {f"detective_async.{name}" for name in detective_async._MODULES}),
        (models, {f"detective_async.api.models.{name}" for name in models._MODULES}),
        (testing, {f"detective_async.testing.{name}" for name in ("faults", *testing._MODULES.values())}),
        (aws_requests_auth, {"aws_requests_auth.aws_auth"}),
    ],
)
def test_byte_code_names_what_is_imported_by_name(module: ModuleType, imported: set[str]) -> None:
    """Frozen programs, as of PyInstaller, contain the modules that byte code names, and not those in strings."""
    assert imported <= set(_imports(module))


def test_the_changelog_can_be_scanned() -> None:
    """Unreleased comes first, then the versions with their dates; each entry is one line under a known heading."""
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = list(sections(text))
    assert versions[0] == "Unreleased"
    assert len(versions) >= 2
    headings = re.findall(r"^## .*$", text, re.MULTILINE)
    assert headings[0] == "## [Unreleased]"
    assert all(re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", heading) for heading in headings[1:]), headings
    dates = [heading[-10:] for heading in headings[1:]]
    assert dates == sorted(dates, reverse=True)
    for body in sections(text).values():
        assert set(re.findall(r"^### (.*)$", body, re.MULTILINE)) <= set(_KINDS)
        entries = re.findall(r"^- .*(?:\n .*)*", body, re.MULTILINE)
        assert [entry for entry in entries if "\n" in entry or len(entry) > _LONGEST] == []


def test_each_promise_about_secrets_names_a_test_that_is_there() -> None:
    """File and name; that it passes, this run of the tests shows."""
    rows = re.findall(r"^\| .* \| (.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    assert rows[:2] == ["Tested by", "---"]
    assert len(rows) > 2
    for cell in rows[2:]:
        named = re.fullmatch(r"\[([\w.]+)\]\((tests/(?:\w+/)*\1)\), `(\w+)`", cell)
        assert named, cell
        assert f"def {named[3]}(" in (ROOT / named[2]).read_text(), cell


def test_pre_commit_runs_what_make_check_runs() -> None:
    """One hook for each part of `make check`, which has no other parts."""
    (parts,) = re.findall(r"^check:([\w ]*?)(?:  ##.*)?\n\n", (ROOT / "Makefile").read_text(), re.MULTILINE)
    hooks = re.findall(r"entry: make (\w+)$", (ROOT / ".pre-commit-config.yaml").read_text(), re.MULTILINE)
    assert parts.split() == hooks
