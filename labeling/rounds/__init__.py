"""Run one labelling round."""
