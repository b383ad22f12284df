"""Dynamics 365 Field Service over the Dataverse Web API."""

from fieldcal.sources.dataverse.feed import DataverseSource

__all__ = ["DataverseSource"]
