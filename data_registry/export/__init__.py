"""Handing a version over to other tools: folders or Parquet, each with its attribution."""
