"""The numbers of hypothesis' examples: few and always the same by default, many and new in the `deep` profile."""

from hypothesis import Phase, settings

DEEP = "deep"
#: The `deep` profile uses this many times as many examples.
_FACTOR = 10
#: All phases but the explanation of a failure, which can take minutes.
UNEXPLAINED = tuple(phase for phase in Phase if phase is not Phase.explain)


def register() -> None:
    """Register the profiles, and load the default one; `--hypothesis-profile` may load the other one afterwards."""
    settings.register_profile("default", derandomize=True, deadline=None, database=None)
    settings.register_profile(DEEP, max_examples=100 * _FACTOR, derandomize=False, deadline=None, print_blob=True)
    # Otherwise hypothesis has a profile of its own on machines that look like those of a CI service.
    settings.load_profile("default")


def examples(count: int) -> int:
    """Return the number of examples for a test: `count` by default, and more in the `deep` profile.

    Args:
        count: the number of examples in each run of the suite.
    """
    return count * _FACTOR if settings.get_current_profile_name() == DEEP else count
