"""The way itself: pull, enter, reconcile, apply, check, explain (design §4)."""
