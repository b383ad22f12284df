"""What the product shows over HTTP."""
