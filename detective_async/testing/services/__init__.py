"""The simulated AWS services: Amazon Detective, STS for roles, and AWS Organizations. They do no I/O.

`registry` lists them; each has a folder with its protocol and its operations. What they share is beside the folders.
"""
