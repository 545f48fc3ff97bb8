"""Losses as functions of tensors; their weights live where they are summed."""
