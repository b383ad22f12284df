"""Any CalDAV server (RFC 4791)."""

from fieldcal.calendars.caldav.account import Account, Accounts
from fieldcal.calendars.caldav.calendar import CalDavCalendar, CalDavCalendars

__all__ = ["Account", "Accounts", "CalDavCalendar", "CalDavCalendars"]
