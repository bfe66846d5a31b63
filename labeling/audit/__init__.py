"""Draw blind samples of the accepted images and certify their precision."""
