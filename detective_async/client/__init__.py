"""`DetectiveClient` and its methods: operations, iterators, bulk calls, waiters."""
