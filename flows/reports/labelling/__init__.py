"""The page of a labelling round: how far its teacher is to be believed, and other thresholds."""
