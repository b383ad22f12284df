"""Fieldcal's way to a CalDAV server, measured beside vdirsyncer and a bare loop (`python -m bench.caldav`)."""
