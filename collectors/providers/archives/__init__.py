"""Providers that read archives, also by URL and from Zenodo."""
