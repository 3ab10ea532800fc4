"""The vendored libraries of the web pages are the files that were fetched, and every copy has its licence."""

import json
from importlib import resources
from pathlib import Path

import pytest
from support.page_parts import PACKAGES, checksum

PARTS = Path(str(resources.files("detective_async.testing.page"))) / "static" / "parts"
VERSIONS = json.loads((PARTS / "versions.json").read_text())


@pytest.mark.parametrize("package", PACKAGES)
def test_a_library_is_unchanged(package: str) -> None:
    """The wheel has each file with the recorded checksum, its licence among them, in the version that is fetched."""
    version, folder, files = PACKAGES[package]
    recorded = VERSIONS[package]
    assert recorded["version"] == version
    assert recorded["license"] in {"MIT", "Apache-2.0"}
    assert set(recorded["sha256"]) == {f"{folder}/{Path(file).name}" for file in (*files, "LICENSE")}
    assert {name: checksum((PARTS / name).read_bytes()) for name in recorded["sha256"]} == recorded["sha256"]


def test_nothing_else_is_vendored() -> None:
    """Every folder of the parts belongs to a recorded library, and has no other file."""
    found = {path.relative_to(PARTS).as_posix() for path in PARTS.glob("*/*")}
    assert found == {name for one in VERSIONS.values() for name in one["sha256"]}
