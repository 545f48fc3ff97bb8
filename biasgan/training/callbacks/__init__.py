"""What a training does beside its iterations."""
