"""From a booking's commit to its readable event: one process on SQLite, and two workers on PostgreSQL."""
