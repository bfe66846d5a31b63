"""The review app: one image, the classes, an answer; in a browser on this machine."""
