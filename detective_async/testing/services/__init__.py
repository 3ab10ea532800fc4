"""The simulated AWS services: Amazon Detective, and STS for roles. They do no I/O.

`registry` lists them; each has a folder with its protocol and its operations. What they share is beside the folders.
"""
