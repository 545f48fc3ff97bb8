"""Many trainings, one after the other or side by side."""
