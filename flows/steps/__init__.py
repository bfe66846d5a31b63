"""One function for each step of a project, for the command line and for notebooks."""
