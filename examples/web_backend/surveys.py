"""The latest survey of each kind, which all readers share."""

from collections.abc import Mapping
from typing import cast

from detective_async import DetectiveFleet
from web_backend.matrix import CoverageSurvey
from web_backend.survey import Found, Place, Survey, SurveyPlan


class Surveys:
    """The latest survey of each kind; at most one of each kind runs at a time.

    Args:
        fleet: the accounts and regions.
        plan: the same, and the limits.
    """

    def __init__(self, fleet: DetectiveFleet, plan: SurveyPlan) -> None:
        self._fleet = fleet
        self._plan = plan
        self._latest: dict[str, Survey] = {}

    def get(self, kind: str, max_age: float | None = None) -> Survey:
        """Return the current survey of a kind, or start a new one.

        Args:
            kind: one of `KINDS`.
            max_age: how many seconds ago it may have ended; None means as long as surveys are kept.
        """
        survey = self._latest.get(kind)
        if survey is None or not survey.is_current(self._plan.keep if max_age is None else max_age):
            survey = self._start(kind, {})
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
        return self._start(survey.kind, {place: one for place, one in survey.found.items() if place not in places})

    async def aclose(self) -> None:
        """Stop all running surveys."""
        for survey in self._latest.values():
            await survey.aclose()
        self._latest.clear()

    def _start(self, kind: str, kept: Mapping[Place, Found]) -> Survey:
        make = CoverageSurvey if kind == "coverage" else Survey
        survey = self._latest[kind] = make(kind, self._fleet, self._plan, kept)
        return survey
