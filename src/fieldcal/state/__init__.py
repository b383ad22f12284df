"""What we remember. Plain functions over one transaction each; all SQL of the product stands here."""
