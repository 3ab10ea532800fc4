"""The loggers of calls, which are asked before anything is made for a log line."""

import logging

#: Calls and attempts, at level DEBUG.
call_logger = logging.getLogger("detective_async")
#: Retries, at level INFO: each of them is something that the service did not do at once.
retry_logger = logging.getLogger("detective_async.retry")
