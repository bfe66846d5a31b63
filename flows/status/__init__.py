"""What a workspace holds, and what to do next."""
