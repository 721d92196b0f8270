"""One module a revision; the newest is outbox.database.HEAD."""
