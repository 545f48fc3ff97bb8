"""Codecs: from a picture to its bitstream and back, with bits counted."""
