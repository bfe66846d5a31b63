"""Alembic migrations of the registry's schema; `data_registry.storage.schema_upgrade` runs them."""
