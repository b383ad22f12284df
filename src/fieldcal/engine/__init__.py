"""Who calls the sync, when and where. Schedule is pure; `single` runs on one machine's asyncio."""
