from pathlib import Path

from biasgan.reporting.groups import Grouped, grouped
from biasgan.reporting.overview import configuration_table
from biasgan.reporting.search import find_evaluations

from .made import make_evaluation


def groups_in(folder: Path) -> Grouped:
    return grouped(find_evaluations([str(folder)]).evaluations)


def test_all_differences_are_told_that_a_label_has_no_room_for(tmp_path: Path) -> None:
    for seed, value in enumerate((1, 2)):
        options = dict.fromkeys(("a", "b", "c", "d"), value)
        config = {"training": {"layers": {"conv1_2": 1.0}, "optimizer": {"_target_": "torch.optim.Adam", **options}}}
        make_evaluation(tmp_path / str(seed), seed=seed, config=config)
    make_evaluation(tmp_path / "alone", "esrgan")
    table = configuration_table(groups_in(tmp_path))
    assert table is not None
    listed = "optimizer.a {0}, optimizer.b {0}, optimizer.c {0}, optimizer.d {0}"
    assert [(row.label, *row.words) for row in table.rows] == [
        (f"Real-ESRGAN, full (optimizer.a {value}, …)", listed.format(value)) for value in (1, 2)
    ]


def test_there_is_none_where_nothing_differs(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a", seed=0)
    make_evaluation(tmp_path / "b", seed=1)
    assert configuration_table(groups_in(tmp_path)) is None
