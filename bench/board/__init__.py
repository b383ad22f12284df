"""The schedule board at size: 200 workers with a day of 1,000 bookings, in a browser."""
