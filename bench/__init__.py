"""Measurements. `make bench` runs them all and prints what `RESULTS.md` quotes."""
