from pathlib import Path

from biasgan.reporting.disparity_charts import NAME, disparities_of, disparity_charts
from biasgan.reporting.evaluations import find_evaluations

from .made import make_evaluation, make_sweep
from .test_charts import groups_of, words


def test_methods_stand_in_one_picture_with_the_line_of_all_their_seeds(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("realesrgan", "esrgan"), methods=("vanilla", "full"), seeds=(0, 1))
    (groups,) = groups_of(tmp_path)[1].values()
    (one,) = disparity_charts("div2k", groups)
    assert (one.name, one.title) == ("disparity-div2k", "Disparity of patches: div2k")
    written = words(one)
    for label in ("Real-ESRGAN, vanilla", "Real-ESRGAN, full", "ESRGAN, vanilla", "ESRGAN, full"):
        assert written.count(label) == 2  # by pixels and by features
    slopes = [float(text.split()[1].rstrip(",")) for text in written if text.startswith("slope")]
    expected = [json_slope(tmp_path, "realesrgan", "vanilla"), json_slope(tmp_path, "esrgan", "full")]
    assert all(round(slope, 2) in slopes for slope in expected)
    assert "<image" not in one.svg
    assert one.is_wide


def json_slope(folder: Path, baseline: str, method: str) -> float:
    """The mean of two seeds of the same originals."""
    found = find_evaluations([str(folder / f"{baseline}-{method}-*")]).evaluations
    return sum(one.content["disparity"]["pixels"]["slope"] for one in found) / len(found)


def test_what_has_no_table_of_patches_is_left_out(tmp_path: Path) -> None:
    damaged = ["", "name,patch\n", "pixels_original,pixels_restored\n1,\n", "\0", None]
    for number, text in enumerate(damaged):
        make_evaluation(tmp_path / f"{number}", "arcnn", seed=number)
        if text is None:
            (tmp_path / f"{number}" / NAME).unlink()
        else:
            (tmp_path / f"{number}" / NAME).write_text(text)
    (groups,) = groups_of(tmp_path)[1].values()
    assert not list(disparity_charts("div2k", groups))
    make_evaluation(tmp_path / "whole", "arcnn", seed=9)
    (groups,) = groups_of(tmp_path)[1].values()
    assert len(list(disparity_charts("div2k", groups))) == 1
    whole = (tmp_path / "whole" / NAME).read_text()
    (tmp_path / "whole" / NAME).write_text(whole.replace("0.05", "nan"))
    assert not any(disparities_of(one) for one in find_evaluations([str(tmp_path)]).evaluations)


def test_many_methods_are_in_several_pictures(tmp_path: Path) -> None:
    for number in range(8):
        subject = {"kind": "restored", "name": f"net {number}", "path": f"{number}", "sha256": None}
        make_evaluation(tmp_path / f"{number}", None, subject=subject)
    (groups,) = groups_of(tmp_path)[1].values()
    assert [one.name for one in disparity_charts("x", groups)] == ["disparity-x-1", "disparity-x-2"]
