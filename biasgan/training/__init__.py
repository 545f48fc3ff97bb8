"""Trainings: their loops, stages, schedules and processes."""
