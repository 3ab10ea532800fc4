"""The retry policy and quota, the rate limiter, and the correction of the clock.

Performs no I/O. `rate_limiter.Pace` sleeps, by the clock that it is given; everything else only decides.
"""
