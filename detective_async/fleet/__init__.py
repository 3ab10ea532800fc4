"""Many accounts and regions at once."""

from detective_async.fleet.fleet import DetectiveFleet
from detective_async.fleet.outcomes import Outcome, OutcomeKind
from detective_async.fleet.streams import FleetStream
from detective_async.fleet.targets import Target

__all__ = ["DetectiveFleet", "FleetStream", "Outcome", "OutcomeKind", "Target"]
