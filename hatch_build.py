"""Adds a software bill of materials (PEP 770) to the wheel: the package and the dependencies that it declares.

It is made from the package's own metadata, so that it is right however the wheel is built. It has no versions
of dependencies, only what is required of them: pip chooses the versions where the package is installed. The libraries
of the web pages have versions: they are in the wheel itself.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.core import CoreMetadata
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: What is known of the libraries of the web pages.
_VENDORED = Path("detective_async", "testing", "page", "static", "parts", "versions.json")


class SbomHook(BuildHookInterface):
    """Puts the bill into the wheel's `.dist-info/sboms`, as CycloneDX JSON."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the bill before the wheel is built; an editable install has none."""
        if version == "editable":
            return
        core = self.metadata.core
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name) / f"{core.name}.cdx.json"
        vendored = json.loads((Path(self.root) / _VENDORED).read_text())
        path.write_text(json.dumps(_bill(core, self.metadata.version, vendored), indent=2) + "\n")
        build_data["sbom_files"].append(str(path))

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove what was written."""
        if version != "editable":
            self._folder.cleanup()


def _bill(core: CoreMetadata, version: str, vendored: dict[str, Any]) -> dict[str, Any]:
    """Return the bill; nothing in it depends on when or where it is made."""
    package = f"pkg:pypi/{core.name}@{version}"
    components: dict[str, dict[str, Any]] = {}
    for requirement in core.dependencies:
        _add(components, requirement, scope="required")
    for extra, requirements in core.optional_dependencies.items():
        for requirement in requirements:
            _add(components, requirement, scope="optional", extra=extra)
    inside = [_vendored(name, one) for name, one in vendored.items()]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "component": {
                "type": "library",
                "bom-ref": package,
                "name": core.name,
                "version": version,
                "description": core.description,
                "licenses": [{"expression": core.license_expression}],
                "purl": package,
                "components": inside,
            },
        },
        "components": list(components.values()),
        "dependencies": [{"ref": package, "dependsOn": list(components)}],
        "compositions": [
            {"aggregate": "complete", "dependencies": [package]},
            {"aggregate": "unknown", "dependencies": list(components)},
        ],
    }


def _vendored(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """Describe a library that is in the wheel."""
    version = found["version"]
    purl = f"pkg:npm/{name.replace('@', '%40')}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": found["license"]}}],
        "purl": purl,
    }


def _add(components: dict[str, dict[str, Any]], requirement: str, *, scope: str, extra: str | None = None) -> None:
    """Add a dependency to those found before; one that is required and part of an extra too is listed once."""
    name = canonicalize_name(Requirement(requirement).name)
    purl = f"pkg:pypi/{name}"
    component = components.setdefault(
        purl, {"type": "library", "bom-ref": purl, "name": name, "scope": scope, "purl": purl, "properties": []}
    )
    condition = f" (extra {extra})" if extra else ""
    component["properties"].append({"name": "python:requirement", "value": f"{requirement}{condition}"})
