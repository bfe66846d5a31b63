"""The train stage and what it trains."""
