"""The API as data: operations, models, and how both travel on the wire."""
