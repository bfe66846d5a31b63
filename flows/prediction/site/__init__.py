"""`serve`: the champion behind a small HTTP endpoint with an upload page."""
