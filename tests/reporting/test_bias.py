from pathlib import Path

import pytest

from biasgan.analysis.triangle import deviation
from biasgan.reporting.bias import bias_table
from biasgan.reporting.groups import by_images, grouped
from biasgan.reporting.search import find_evaluations
from biasgan.reporting.table import Cell, Table

from .made import make_evaluation


def bias(folder: Path) -> Table:
    evaluations = find_evaluations([str(folder)]).evaluations
    (images,) = by_images(grouped(evaluations), evaluations)
    return bias_table(images)


def row(table: Table, label: str) -> dict[str, Cell]:
    cells = next(one for one in table.rows if one.label == label).cells
    return {column.name: cell for column, cell in zip(table.columns, cells, strict=True)}


def test_deviation_disparity_and_realism_with_the_papers(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "gan")
    make_evaluation(tmp_path / "plain", "arcnn", disparity={}, triangles={})
    table = bias(tmp_path)
    cells = row(table, "Real-ESRGAN, full")
    sides = content["triangles"]["lpips"]
    expected = deviation(sides["compressed_restored"], sides["compressed_original"], sides["restored_original"])
    assert cells["deviation by LPIPS"].value == pytest.approx(expected)
    sides = content["triangles"]["features"]
    for one, other in (("compressed", "restored"), ("compressed", "original"), ("restored", "original")):
        assert cells[f"{one} to {other}"].value == sides[f"{one}_{other}"]
    assert cells["deviation by FID"].note == "no triangle by FID"
    assert cells["disparity of pixels"].value == content["disparity"]["pixels"]["slope"]
    assert cells["disparity of features"].note == "no disparity of features"
    realism = cells["realism of restored"]
    assert (realism.value, realism.paper, realism.unlike) == (content["realism"]["restored"], "0.04", "")
    plain = row(table, "AR-CNN")
    assert plain["realism of original"].note == "no discriminator was there to judge"
    assert [cell.value for cell in plain.values()] == [None] * 11


@pytest.mark.parametrize("first", [1, 1989])
def test_on_flickr2k_the_papers_figures_are_those_of_flickr2k(tmp_path: Path, first: int) -> None:
    make_evaluation(tmp_path / "gan", set_name="flickr2k", images=2651 - first)
    table = tmp_path / "gan" / "evaluation.csv"
    rows = [f"{number:06},1350,2040" for number in range(first, 2651)]
    table.write_text("\n".join(["name,height,width", *rows]))
    found = bias(tmp_path)
    cells = row(found, "Real-ESRGAN, full")
    shown = [cells[f"realism of {name}"] for name in ("original", "restored", "compressed")]
    assert [(cell.paper, cell.unlike) for cell in shown] == [("0.86", ""), ("0.03", ""), ("0.05", "")]
    assert "Tab. 1 and 2, of Flickr2K, of which the paper does not say which images" in " ".join(found.notes)
    # Smaller copies are none of the paper's, nor are some of the images.
    for changed in (rows[1:], [line.replace("2040", "510") for line in rows]):
        table.write_text("\n".join(["name,height,width", *changed]))
        assert row(bias(tmp_path), "Real-ESRGAN, full")["realism of original"].unlike == "other set"


def test_seeds_are_averaged_and_what_is_not_finite_left_out(tmp_path: Path) -> None:
    flat = {"features": {"compressed_restored": 0, "compressed_original": 0, "restored_original": 0}}
    make_evaluation(tmp_path / "a", seed=0, triangles=flat)
    make_evaluation(tmp_path / "b", seed=1)
    cells = row(bias(tmp_path), "Real-ESRGAN, full")
    assert cells["deviation by features"].note == "one run"
    assert (
        cells["realism of original"].note
        == "mean and 95 % t-interval over 2 seeds; plain scores of a discriminator that is conditional"
    )
    assert cells["realism of original"].value == pytest.approx(0.8)


def test_one_run_has_the_interval_over_images_in_its_note(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run")
    cells = row(bias(tmp_path), "Real-ESRGAN, full")
    assert cells["deviation by LPIPS"].note == "one run; 95 % over images: -40.0 to -20.0"
    assert cells["realism of restored"].note.startswith("one run; 95 % over images: 0.20 to 0.40; plain scores")
    assert cells["realism of original"].note.startswith("one run; plain scores")


def test_sides_that_form_no_triangle_are_told(tmp_path: Path) -> None:
    sides = {"compressed_restored": 1, "compressed_original": 5, "restored_original": 2}
    make_evaluation(tmp_path / "run", triangles={"fid": sides})
    cell = row(bias(tmp_path), "Real-ESRGAN, full")["deviation by FID"]
    assert (cell.value, cell.note) == (pytest.approx(-12), "one run; the sides form no triangle")


def test_features_are_named_and_random_ones_warned_of(tmp_path: Path) -> None:
    features = {"weights": "random", "layers": {"conv2_2": 1.0}, "patches": None}
    make_evaluation(tmp_path / "a", features=features)
    notes = bias(tmp_path).notes
    assert notes[1:3] == [
        "Features: VGG-19 with random weights (1 conv2_2; all patches).",
        "Distances by random weights are those of an untrained network.",
    ]
    make_evaluation(tmp_path / "b", "arcnn")
    assert bias(tmp_path).notes[1] == (
        "Features differ, compare with care: AR-CNN by VGG-19 with imagenet weights (0.1 conv1_2, 1 conv3_4; at most "
        "16 patches an image); all others by VGG-19 with random weights (1 conv2_2; all patches)."
    )
    make_evaluation(tmp_path / "a")
    assert "untrained" not in " ".join(bias(tmp_path).notes)
