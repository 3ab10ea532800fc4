"""The web page at `/_simulator/`, which shows the state of a running simulator.

`host_check` restricts access, `view` builds the data, `handler` answers requests; `static` has the page's files.
"""

from detective_async.testing.page.handler import Page

__all__ = ["Page"]
