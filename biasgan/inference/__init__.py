"""From a trained generator to a restored picture."""
