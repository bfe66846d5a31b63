"""Tell images of the classes from images of none of them."""
