"""Files, database, schema and the triggers that guard them."""
