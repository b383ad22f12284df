"""Several `fieldcal worker` on one PostgreSQL: how they scale, and what a job costs (`python -m bench.workers`)."""
