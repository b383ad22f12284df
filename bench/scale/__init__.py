"""What a pass costs beside very many mailboxes and bookings, on both databases."""
