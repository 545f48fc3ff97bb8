"""Pairs in chunks, in folders and in object storage."""
