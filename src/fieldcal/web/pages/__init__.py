"""One module a page, or a few that belong together; each is found by its `SECTION` (docs/adding-a-page.md)."""
