"""What an audit shall certify, and at what risk; imports nothing heavy."""

TARGET = 0.95  # precision
DELTA = 0.05  # chance that a certificate is wrong
