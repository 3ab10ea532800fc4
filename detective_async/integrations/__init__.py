"""Where the library meets others: each module is named after what it needs, and imported by those who have that."""
