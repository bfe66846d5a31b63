"""Draw the animals of the demo's bay."""
