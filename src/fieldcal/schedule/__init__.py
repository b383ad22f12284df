"""What dispatchers and workers do in the embedded Field Service: the board, its moves, and what it is made of.

For organizations that schedule here and have no Dynamics. Everything is written through the store's own transactions,
so the sync learns of it as it would from Dataverse: by change tracking and webhooks, never by a call from here.
"""
