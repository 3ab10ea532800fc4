"""Fleets: many targets at once, and failures in some of them."""
