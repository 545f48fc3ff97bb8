"""From pictures to batches of aligned crops."""
