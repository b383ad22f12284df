"""A first load into a server that takes its time, beside a bare loop that posts ready-made batches (`python -m bench.load`)."""
