"""Weights in the forms that others take."""
