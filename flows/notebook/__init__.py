"""A face for notebooks and scripts: one object whose methods keep the order of the steps."""
