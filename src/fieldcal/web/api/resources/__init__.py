"""The resources of the REST API. Each module has a `RESOURCE`, which is found by itself."""
