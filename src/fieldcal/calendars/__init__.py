"""Where events go: one connector a folder, each behind `ports.Calendars`."""
