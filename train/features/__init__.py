"""Extract and keep features of a frozen backbone."""
