"""The members that a contender found, as counts and checksums, and those that it must find."""

import json
from zlib import crc32

from answers import digest, normalise
from canned import MEMBERS, member_ids, members_page
from world import REGIONS, account_ids, graph_arn

#: (account, region) -> the number of members, and a checksum of them.
Found = dict[tuple[str, str], tuple[int, int]]


class Names:
    """A count and a checksum of names, in their order."""

    def __init__(self) -> None:
        self.count = 0
        self.checksum = 0

    def see(self, name: str) -> None:
        """Add a name."""
        self.count += 1
        self.checksum = crc32(name.encode(), self.checksum)

    @property
    def found(self) -> list[int]:
        """The count and the checksum, as JSON has them."""
        return [self.count, self.checksum]


def expected_names(members: int) -> list[int]:
    """Return the expected count and checksum of the account ids of a graph of that many members."""
    names = Names()
    for name in member_ids(members):
        names.see(name)
    return names.found


class Tally:
    """The members of many targets.

    Args:
        whole: whether to include every field of every member, which is slow, or only the names.
        times_are_text: whether the contender leaves timestamps as text.
    """

    def __init__(self, *, whole: bool = False, times_are_text: bool = False) -> None:
        self.found: Found = {}
        self._whole = whole
        self._times_are_text = times_are_text

    def add(self, account_id: str, region: str, name: str, member: object) -> None:
        """Add a member of a target; the order of a target's members matters.

        Args:
            account_id: the target's account.
            region: the target's region.
            name: the member's account id and graph, with a space between them, as the contender read them.
            member: the whole member.
        """
        count, checksum = self.found.get((account_id, region), (0, 0))
        if self._whole:
            name = digest(normalise(member, times_are_text=self._times_are_text))
        self.found[account_id, region] = count + 1, crc32(name.encode(), checksum)


def expected_tally(accounts: int, *, whole: bool = False) -> Found:
    """Return the members that every contender must find in that many accounts."""
    tally = Tally(whole=whole, times_are_text=True)
    names = list(member_ids(MEMBERS))
    for account_id in account_ids(accounts):
        for region in REGIONS:
            arn = graph_arn(account_id, region, MEMBERS)
            # A thousand pages, read only if the members are compared.
            members = json.loads(members_page(arn))["MemberDetails"] if whole else names
            for name, member in zip(names, members, strict=True):
                tally.add(account_id, region, f"{name} {arn}", member)
    return tally.found
