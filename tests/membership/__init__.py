"""Memberships brought to a wanted state, against the simulator."""
