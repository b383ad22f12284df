"""Where bookings come from: one connector a folder, each behind `ports.BookingSource`."""
