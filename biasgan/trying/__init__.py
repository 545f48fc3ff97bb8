"""A page in the browser on which models are tried on photographs."""
