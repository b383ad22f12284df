"""A sample organization, set up as an administrator sets one up, synchronized, changed, and synchronized again."""
