"""Run migrations on the connection that `data_registry.storage.schema_upgrade` hands over."""

from alembic import context

from data_registry.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
