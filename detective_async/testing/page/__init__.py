"""The page at `/_simulator/`, for a person to look at while their code runs.

`guard` decides who may see it, `view` what there is to see, `server` answers; the rest are the files of the page.
"""

from detective_async.testing.page.server import Page

__all__ = ["Page"]
