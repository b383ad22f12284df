"""A day in the life: a trace of a working day, replayed faster than it was, with faults at both ends."""
