"""Pairs of an original and what a codec made of it, and the store where they are kept."""
