"""Delete: takedowns, turned-down images and orphaned files."""
