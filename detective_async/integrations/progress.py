"""A progress bar for large jobs, drawn by rich."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from detective_async.errors import ConfigurationError
from detective_async.events import ProgressEvent

__all__ = ["ProgressBar"]

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


class ProgressBar:
    """A progress bar: parts done and failed, the rate, and the estimated time left.

        with ProgressBar("listing graphs") as bar:
            async for outcome in fleet.run(list_graphs, progress=bar):
                ...

    Needs the extra `progress`: `pip install "detective-async[progress]"`. The bar is drawn on standard error, so that
    the program's output can be piped. If that is not a terminal, only the final state is written.

    Args:
        description: the text in front of the bar.
        console: the rich console to draw on; None uses standard error.

    Raises:
        ConfigurationError: rich is not installed.
    """

    def __init__(self, description: str, *, console: "Console | None" = None) -> None:
        self._progress = _make(console)
        self._task = self._progress.add_task(description, total=None, failed=0, rate=0.0)

    def __call__(self, event: ProgressEvent) -> None:
        """Update the bar."""
        self._progress.update(self._task, completed=event.done, total=event.total, failed=event.failed, rate=event.rate)

    def __enter__(self) -> Self:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Stop drawing, and leave the final state visible."""
        self._progress.stop()


def _make(console: "Console | None") -> "Progress":
    try:
        from rich import console as consoles  # noqa: PLC0415 - it is an extra
        from rich import progress  # noqa: PLC0415
    except ImportError:
        raise ConfigurationError(
            'the progress bar is drawn by rich, which is not installed: pip install "detective-async[progress]"'
        ) from None
    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("failed: {task.fields[failed]}"),
        progress.TextColumn("{task.fields[rate]:.1f}/s"),
        progress.TimeRemainingColumn(),
        console=console or consoles.Console(stderr=True),
    )
