"""Build, compare and check immutable dataset versions."""
