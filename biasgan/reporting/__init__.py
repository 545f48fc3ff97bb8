"""What evaluations say together, as page, tables and charts."""
