"""Terraform with its AWS provider, which run against the simulator where both are installed."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

_CONFIGURATION = Path(__file__).with_name("main.tf")
_TERRAFORM = shutil.which("terraform")
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
#: Both programs are written in Go, and reading the provider's schema is most of what they do: memory saves seconds.
_ENVIRONMENT = {
    "GOGC": "800",
    "CHECKPOINT_DISABLE": "1",
    "TF_IN_AUTOMATION": "1",
    "TF_CLI_CONFIG_FILE": os.devnull,
    # A provider that is started by hand writes a line for each thing that it does.
    **{
        f"TF_LOG{part}": "OFF"
        for part in ("", "_SDK", "_SDK_PROTO", "_SDK_FRAMEWORK", "_SDK_MUX", "_SDK_HELPER_SCHEMA")
    },
}
_HANGS = 300.0
#: What the provider writes before it says where it listens, which is followed by a quotation mark.
_PLACE = "TF_REATTACH_PROVIDERS='"


def _find_provider() -> Path | None:
    """Return the program of the AWS provider in one of the folders in which installed providers usually are."""
    folders = [os.environ.get("TF_PLUGIN_CACHE_DIR"), "~/.terraform.d/plugins", "~/.local/share/terraform/plugins"]
    roots = [Path(folder).expanduser() for folder in folders if folder]
    roots += [Path("/usr/local/share/terraform/plugins"), Path("/usr/share/terraform/plugins"), *Path("/opt").glob("*")]
    here = f"{sys.platform}_{_MACHINES.get(platform.machine().lower())}"
    pattern = f"*/hashicorp/aws/*/{here}/terraform-provider-aws*"
    return max((path for root in roots for path in root.glob(pattern)), default=None)


PROVIDER = None if _TERRAFORM is None else _find_provider()


@frozen
class Run:
    """What a command of Terraform's left behind."""

    code: int
    out: str


@frozen
class Terraform:
    """Terraform in a folder of its own, with providers that are running already.

    Attributes:
        folder: for the configuration and the state.
        variables: those of the configuration.
        providers: tells Terraform where the providers listen.
    """

    folder: Path
    variables: Mapping[str, Any]
    providers: str

    def run(self, command: str, *arguments: str, more: str = "", **variables: Any) -> Run:
        """Run a command.

        Args:
            command: such as `plan`.
            arguments: its options.
            more: further configuration, for this command.
            variables: those that have other values in this command.
        """
        shutil.copy(_CONFIGURATION, self.folder)
        (self.folder / "terraform.tfvars.json").write_text(json.dumps({**self.variables, **variables}))
        (self.folder / "more.tf").write_text(more)
        done = subprocess.run(
            [str(_TERRAFORM), command, "-no-color", "-input=false", *arguments],
            cwd=self.folder,
            env={**_clean_environment(), "TF_REATTACH_PROVIDERS": self.providers},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_HANGS,
            check=False,
        )
        return Run(done.returncode, done.stdout)


@contextmanager
def running_providers() -> Iterator[str]:
    """Run a provider for each account, for any number of commands, since they take seconds to start.

    Gives what leads Terraform to them.
    """
    with ExitStack() as stack:
        found: dict[str, Any] = {}
        for name in ("administrator", "member"):
            ((source, place),) = stack.enter_context(_running_provider()).items()
            found[source.replace("hashicorp/aws", f"example/{name}")] = place
        yield json.dumps(found)


@contextmanager
def _running_provider() -> Iterator[dict[str, Any]]:
    assert PROVIDER is not None
    with subprocess.Popen(
        [str(PROVIDER), "-debug"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_clean_environment(),
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines = (line.strip() for line in process.stdout)
            yield json.loads(next(line[len(_PLACE) : -1] for line in lines if line.startswith(_PLACE)))
        finally:
            process.terminate()


def _clean_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    return {**kept, **_ENVIRONMENT}
