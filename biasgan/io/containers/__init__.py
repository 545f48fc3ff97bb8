"""Containers of images, read for what lies beside the pixels."""
