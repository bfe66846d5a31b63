"""Alembic migrations of the registry's schema; `data_registry.schema_upgrade` runs them."""
