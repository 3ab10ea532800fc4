"""What the clients that were made from one another have in common, beside their connections."""

from collections import OrderedDict
from collections.abc import Hashable

from attrs import Factory, define

from detective_async.adaptive import Pace
from detective_async.retry import RetryQuota

#: The pairs whose state is kept; the one that was not asked for the longest goes first.
_MOST_PAIRS = 16_384


@define(eq=False)
class Pair:
    """What the calls of one account in one region share.

    Attributes:
        quota: what retries draw on.
        pace: how fast requests may go out, in `adaptive` mode.
    """

    quota: RetryQuota = Factory(RetryQuota)
    pace: Pace = Factory(Pace)


@define(eq=False)
class Shared:
    """What all the clients share that were made from one.

    Attributes:
        clock_offset: the seconds by which our clock is behind AWS's.
    """

    clock_offset: float = 0.0
    _pairs: OrderedDict[Hashable, Pair] = Factory(OrderedDict)

    def pair(self, account: Hashable, region: str) -> Pair:
        """Give the state of an account in a region, the same one each time.

        Args:
            account: the credentials' source, which stands for the account.
            region: the region.
        """
        key = (account, region)
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = Pair()
            if len(self._pairs) > _MOST_PAIRS:
                self._pairs.popitem(last=False)
        self._pairs.move_to_end(key)
        return pair
