"""Datasets, decoding, preprocessing and augmentation."""
