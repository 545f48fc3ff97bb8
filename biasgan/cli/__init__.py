"""The command line: what it is given in words, and how it answers."""
