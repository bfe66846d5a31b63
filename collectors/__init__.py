"""Collectors: providers of candidates, the fetcher, image checks, and the collection itself."""
