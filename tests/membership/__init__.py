"""Reconciling memberships, against the simulator."""
