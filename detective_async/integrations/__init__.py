"""Integrations with other libraries. Each module is named after the library that it needs; nothing here imports it."""
