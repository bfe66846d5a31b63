"""Tell one image's history from its first URL to its versions."""
