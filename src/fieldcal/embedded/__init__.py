"""The embedded systems: a field service that answers as Dataverse does, and an exchange that answers as Graph does.

They are the other side of the wire. Nothing in here knows the sync, its plan or its state.
"""
