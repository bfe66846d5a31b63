"""What an audit shall certify; imports nothing heavy."""

TARGET = 0.95  # precision
