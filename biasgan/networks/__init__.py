"""Generators, discriminators and the frozen feature extractor, one network per file."""
