"""The embedded field service: accounts, work orders, workers and bookings, behind the Dataverse Web API's shapes."""

from fieldcal.embedded.fieldservice.service import FieldService
from fieldcal.embedded.fieldservice.settings import FieldServiceSettings
from fieldcal.embedded.fieldservice.store import Store

__all__ = ["FieldService", "FieldServiceSettings", "Store"]
