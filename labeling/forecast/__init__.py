"""Forecast what further answers are likely to bring."""
