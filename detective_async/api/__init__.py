"""The API as data: operations, models, and their form on the wire."""
