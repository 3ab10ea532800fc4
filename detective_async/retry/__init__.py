"""The retry policy and quota, the rate limiter, and the correction of the clock. Performs no I/O."""
