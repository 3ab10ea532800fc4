"""Regular expressions that are compiled at their first use: compiling all of them takes longer than a call."""

import re
from typing import Any, cast


class Expression:
    """Stands for a `re.Pattern`: has its methods, but cannot be given to the functions of `re`, or pickled."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._arguments = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        # Kept, so that this method is not called again for the same name.
        value = self.__dict__[name] = getattr(re.compile(*self._arguments), name)
        return value


def expression(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return a regular expression that is compiled when one of its methods is first used."""
    return cast("re.Pattern[str]", Expression(pattern, flags))
