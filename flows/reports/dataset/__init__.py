"""A version described on one page: what is in it, how it was made, what to look at."""
