"""Field-service bookings in the workers' own calendars, one way, kept true."""

__version__ = "0.1.0"
