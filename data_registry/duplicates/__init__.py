"""Find duplicates by hashes, names, features and a person's word, and group them."""
