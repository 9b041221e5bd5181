"""The schema's history, one file a step; Alembic walks it (services.store.migrate).

A step never imports `services.store.schema`: that is the schema of today, a step is one
of its day. A test compares what the steps end in with the schema, on both databases.
"""
