"""The latest survey of each kind, which all readers share."""

from collections.abc import Mapping
from typing import cast

from detective_async import DetectiveFleet
from web_backend.matrix import CoverageSurvey
from web_backend.survey import Found, Place, Survey, SurveyPlan


class Surveys:
    """The latest survey of each kind.

    At most one of each kind runs at a time, unless a running retry has taken over what is too old for a reader.

    Args:
        fleet: the accounts and regions.
        plan: the same, and the limits.
    """

    def __init__(self, fleet: DetectiveFleet, plan: SurveyPlan) -> None:
        self._fleet = fleet
        self._plan = plan
        self._latest: dict[str, Survey] = {}
        #: Those that run, or may still run for the readers that they have.
        self._started: list[Survey] = []

    def get(self, kind: str, max_age: float | None = None) -> Survey:
        """Return the current survey of a kind, or start a new one, which takes over what a stopped one has found.

        Args:
            kind: one of `KINDS`.
            max_age: how many seconds ago it may have ended, and what it has taken over may have been found; None is for
                as long as surveys are kept, whatever they have taken over.
        """
        survey = self._latest.get(kind)
        if survey is None or not survey.is_current(max_age):
            survey = self._start(kind, {} if survey is None else survey.left_over(max_age))
        survey.hold()
        return survey

    def coverage(self, max_age: float) -> CoverageSurvey:
        """Return the current survey of the coverage, or start a new one."""
        return cast("CoverageSurvey", self.get("coverage", max_age))

    def latest(self, kind: str) -> Survey | None:
        """Return the latest survey of a kind, of any age."""
        return self._latest.get(kind)

    def retry(self, survey: Survey, places: set[Place]) -> Survey:
        """Start a survey of some targets only, and take over what another one has found in the others.

        Args:
            survey: the latest one of its kind, which has ended.
            places: the accounts and regions to read again; if there is none, nothing is started.
        """
        if not places:
            return survey
        started = self._start(survey.kind, {place: one for place, one in survey.found.items() if place not in places})
        started.hold()
        return started

    def outdate(self) -> None:
        """Take no survey for a current one that began before now, since something was changed meanwhile."""
        for survey in self._latest.values():
            survey.outdated = True

    async def aclose(self) -> None:
        """Stop all running surveys."""
        for survey in self._started:
            await survey.aclose()
        self._latest.clear()

    def _start(self, kind: str, kept: Mapping[Place, Found]) -> Survey:
        make = CoverageSurvey if kind == "coverage" else Survey
        survey = self._latest[kind] = make(kind, self._fleet, self._plan, kept)
        self._started = [one for one in self._started if not one.feed.ended]
        self._started.append(survey)
        return survey
