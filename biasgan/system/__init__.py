"""This machine and this process: memory, processor, threads, imports, what is said in the terminal."""
