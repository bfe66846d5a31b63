"""Say what is wrong in a project file, in the words of its users."""
