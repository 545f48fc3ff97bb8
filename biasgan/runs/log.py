import csv
from pathlib import Path


def read_log(path: Path) -> list[dict[str, float]]:
    """Rows of a run's log in order, each with the values it has; a row that was cut off is left out."""
    if not path.exists():
        return []
    rows: list[dict[str, float]] = []
    # A computer that went down may leave anything at the end.
    with path.open(newline="", errors="replace") as file:
        for row in csv.DictReader(file):
            try:
                rows.append({name: float(value) for name, value in row.items() if value != ""})
            except (TypeError, ValueError):
                continue
    return rows
