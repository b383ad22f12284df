"""One harmless call through everything that the synchronization stands on, each with its result, reason and remedy."""
