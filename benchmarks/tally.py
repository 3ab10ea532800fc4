"""What a contender found, in a form that takes no room, and what it must have found."""

import json
from zlib import crc32

from answers import digest, normalise
from canned import MEMBERS, member_ids, members_page
from world import REGIONS, account_ids, graph_arn

#: (account, region) -> how many members it has, and a checksum of them.
Found = dict[tuple[str, str], tuple[int, int]]


class Names:
    """A count and a checksum of names, in their order."""

    def __init__(self) -> None:
        self.count = 0
        self.checksum = 0

    def see(self, name: str) -> None:
        """Take note of a name."""
        self.count += 1
        self.checksum = crc32(name.encode(), self.checksum)

    @property
    def found(self) -> list[int]:
        """Both, as JSON has them."""
        return [self.count, self.checksum]


def expected_names(members: int) -> list[int]:
    """Give what must come of the account ids of a graph of so many members."""
    names = Names()
    for name in member_ids(members):
        names.see(name)
    return names.found


class Tally:
    """The members of many targets.

    Args:
        whole: whether to look at every field of every member, which takes long, or at the names only.
        times_are_text: whether the contender leaves timestamps as they came.
    """

    def __init__(self, *, whole: bool = False, times_are_text: bool = False) -> None:
        self.found: Found = {}
        self._whole = whole
        self._times_are_text = times_are_text

    def add(self, account_id: str, region: str, name: str, member: object) -> None:
        """Take note of a member of a target; the order of a target's members counts.

        Args:
            account_id: of the target.
            region: likewise.
            name: the member's account id and graph, with a space between them, as the contender read them.
            member: all of it.
        """
        count, checksum = self.found.get((account_id, region), (0, 0))
        if self._whole:
            name = digest(normalise(member, times_are_text=self._times_are_text))
        self.found[account_id, region] = count + 1, crc32(name.encode(), checksum)


def expected_tally(accounts: int, *, whole: bool = False) -> Found:
    """Give what every contender must find in so many accounts."""
    tally = Tally(whole=whole, times_are_text=True)
    names = list(member_ids(MEMBERS))
    for account_id in account_ids(accounts):
        for region in REGIONS:
            arn = graph_arn(account_id, region, MEMBERS)
            # Read only where it is looked at: there are a thousand of them.
            members = json.loads(members_page(arn))["MemberDetails"] if whole else names
            for name, member in zip(names, members, strict=True):
                tally.add(account_id, region, f"{name} {arn}", member)
    return tally.found
