"""The vendored libraries of the web pages: which they are, and how they are fetched again.

They are the files that npm has, unchanged, so that their checksums can be compared with any other copy. There is no
build step: browsers load them as ES modules.
"""

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

#: Where they are in the repository, and in the wheel. The wheel has them for the simulator's page.
PARTS = Path("detective_async", "testing", "page", "static", "parts")
#: Package -> version, folder in `PARTS`, and the files that are taken of it.
PACKAGES = {
    "preact": ("11.2.0", "preact", ("dist/preact.mjs",)),
    "htm": ("3.1.1", "htm", ("dist/htm.mjs",)),
    "@tanstack/virtual-core": (
        "3.19.11",
        "virtual-core",
        tuple(
            f"dist/esm/{name}.js"
            for name in ("index", "ios-gesture", "lazy-measurements", "scroll-classifier", "utils")
        ),
    ),
}


def checksum(content: bytes) -> str:
    """Return the SHA-256 checksum of a file, in hex digits."""
    return hashlib.sha256(content).hexdigest()


def fetch(folder: Path) -> None:
    """Fetch all libraries with npm, which checks their integrity, and write `versions.json` beside them."""
    versions = {}
    for package, (version, name, files) in PACKAGES.items():
        contents = _contents(package, version)
        license_name = json.loads(contents["package.json"])["license"]
        checksums = {}
        for file in (*files, "LICENSE"):
            path = folder / name / Path(file).name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(contents[file])
            checksums[f"{name}/{path.name}"] = checksum(contents[file])
        versions[package] = {"version": version, "license": license_name, "sha256": checksums}
    (folder / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


def _contents(package: str, version: str) -> dict[str, bytes]:
    """Return the files of a package of npm."""
    with tempfile.TemporaryDirectory() as temporary:
        command = ["npm", "pack", "--json", "--pack-destination", temporary, f"{package}@{version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=sys.stderr)
        (archive,) = Path(temporary).iterdir()
        packed = io.BytesIO(archive.read_bytes())
    with tarfile.open(fileobj=packed) as tar:
        members: list[tuple[str, Any]] = [(one.name, tar.extractfile(one)) for one in tar.getmembers() if one.isfile()]
        return {name.partition("/")[2]: content.read() for name, content in members}


if __name__ == "__main__":
    fetch(Path(__file__).parents[2] / PARTS)
