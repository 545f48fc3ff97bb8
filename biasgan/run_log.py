import csv
from pathlib import Path


def read_log(path: Path) -> list[dict[str, float]]:
    """Rows of a run's log in order, each with the values it has; a last row that was cut off is left out."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if None not in row.values()]
    return [{name: float(value) for name, value in row.items() if value} for row in rows]
