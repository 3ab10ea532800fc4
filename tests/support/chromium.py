"""A headless Chromium as a process of its own, which any number of tests use one after the other."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The path of the program, or None if there is none.
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = [
    "--headless", "--remote-debugging-port=0",
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--mute-audio", "--password-store=basic",
    # A page's timers must not depend on which other pages are open.
    "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]  # fmt: skip
_TIMEOUT = 60.0


@contextmanager
def running_chromium(folder: Path) -> Iterator[str]:
    """Run Chromium, and give the URL of its DevTools.

    Args:
        folder: an empty folder for its files.
    """
    assert CHROMIUM is not None
    with (folder / "output").open("w") as output:
        command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process:
            try:
                yield _devtools_url(process, folder)
            finally:
                process.terminate()


def _devtools_url(process: "subprocess.Popen[bytes]", folder: Path) -> str:
    """Wait for the file in which Chromium writes its port and path."""
    file = folder / "DevToolsActivePort"
    end = time.monotonic() + _TIMEOUT
    while not file.exists() or len(lines := file.read_text().split()) < 2:
        assert process.poll() is None, (folder / "output").read_text()
        assert time.monotonic() < end, (folder / "output").read_text()
        time.sleep(0.01)
    return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
