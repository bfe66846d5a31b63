"""Text from outside: what may be shown, stored and compared."""
