"""When to try again: the retry policy and quota, the rate limiter, the clock's correction. Performs no I/O."""
