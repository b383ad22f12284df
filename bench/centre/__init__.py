"""The admin centre at size: pages over a large state, and many mailboxes set up at once."""
