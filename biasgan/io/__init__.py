"""Files and what stands in them: written whole, fetched, unpacked, checked."""
