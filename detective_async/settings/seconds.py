"""What a time limit in seconds may be."""


def seconds_problem(value: object) -> str | None:
    """Return what is wrong with a time in seconds, or None for a positive number.

    True is a number to Python, and not a time.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return None
    return f"must be a positive number of seconds, got {value!r}"
