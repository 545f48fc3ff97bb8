from pathlib import Path

from biasgan.runs.log import read_log
from biasgan.training.loggers.csv_log import CSVLog


def test_rows_keep_their_values_when_columns_are_added(tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "run" / "log.csv")
    log.start(0)
    log.log_metrics({"a": 0.1}, step=1)
    log.log_metrics({"b": 1e-9}, step=2)
    log.log_metrics({"a": 3.0, "b": 4.0}, step=3)
    rows = [{"iteration": 1, "a": 0.1}, {"iteration": 2, "b": 1e-9}, {"iteration": 3, "a": 3.0, "b": 4.0}]
    assert read_log(log.path) == rows
    assert log.path.read_text().splitlines()[:2] == ["iteration,a,b", "1,0.1,"]


def test_a_resumed_log_has_no_iteration_twice(tmp_path: Path) -> None:
    log = CSVLog(tmp_path / "log.csv")
    log.start(0)
    for iteration in range(1, 6):
        log.log_metrics({"a": float(iteration)}, step=iteration)
    resumed = CSVLog(tmp_path / "log.csv")
    resumed.start(3)
    resumed.log_metrics({"a": 40.0}, step=4)
    assert [(row["iteration"], row["a"]) for row in read_log(log.path)] == [(1, 1), (2, 2), (3, 3), (4, 40)]


def test_a_row_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for end in ("2,4", "2,4,\0\0", "2,4,\xff", "2,4,1e", "\0\0\0"):
        path.write_text(f"iteration,a,b\n1,2,3\n{end}", encoding="latin-1")
        assert read_log(path) == [{"iteration": 1, "a": 2, "b": 3}], end
    assert read_log(path) == [{"iteration": 1, "a": 2, "b": 3}]
