"""Read labelled folders and import them."""
