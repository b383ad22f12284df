"""Exchange Online through Microsoft Graph."""

from fieldcal.calendars.graph.calendar import GraphCalendar, GraphCalendars

__all__ = ["GraphCalendar", "GraphCalendars"]
