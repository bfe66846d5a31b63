"""Providers that read the result pages of search engines."""
