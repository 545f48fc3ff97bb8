"""Metrics of quality, of one image or of many."""
