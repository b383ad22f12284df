"""What should happen. Pure: no I/O, no clock; everything it needs is handed in as a value."""
