"""Export a version for other tools: folders or Parquet, with attribution."""
