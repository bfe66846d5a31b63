"""Check that fetched bytes are an image that is safe to decode."""
