"""Fieldcal beside others' clients on the same servers: vdirsyncer, loops over O365 and msgraph-sdk (`python -m bench.peers`)."""
