from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from scipy import stats

from biasgan.analysis.rate_distortion import Curve, bd_metric, bd_rate
from biasgan.evaluation.result import Evaluation
from biasgan.reporting.bias import bias_table
from biasgan.reporting.groups import by_images, grouped
from biasgan.reporting.paper import Subject
from biasgan.reporting.rates import Sweep, bd_metric_table, bd_rate_table, sweeps
from biasgan.reporting.search import find_evaluations
from biasgan.reporting.table import Cell, Table
from biasgan.reporting.tables import ablation_table, quality_table

from .made import NO_NIQE, PROTOCOLS, TRAINED, X265, make_evaluation, make_sweep

CONFIG = {"training": {"layers": {"conv1_2": 1.0}}}


def found_in(folder: Path) -> tuple[Evaluation, ...]:
    return find_evaluations([str(folder)]).evaluations


def quality(folder: Path) -> Table:
    """The table of the only images."""
    evaluations = found_in(folder)
    (images,) = by_images(grouped(evaluations), evaluations)
    return quality_table(images)


def ablation(folder: Path) -> Table | None:
    evaluations = found_in(folder)
    (images,) = by_images(grouped(evaluations), evaluations)
    return ablation_table(images)


def swept(folder: Path) -> list[Sweep]:
    evaluations = found_in(folder)
    groups = grouped(evaluations)
    return sweeps(by_images(groups, evaluations), groups)


def rates(folder: Path) -> Table:
    (sweep,) = swept(folder)
    return bd_rate_table(sweep)


def cell(table: Table, row: str, column: str) -> Cell:
    number = [one.name for one in table.columns].index(column)
    return next(one for one in table.rows if one.label == row).cells[number]


def psnr(evaluation: Evaluation) -> float:
    value = evaluation.metrics["psnr"].restored
    assert value is not None
    return value


def test_seeds_are_averaged_with_an_interval(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("full",), seeds=(0, 1, 2))
    values = [psnr(one) for one in found_in(tmp_path)]
    found = cell(quality(tmp_path), "Real-ESRGAN, full", "PSNR")
    assert found.value == pytest.approx(fmean(values))
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 2) * stats.sem(values))
    assert found.note == "mean and 95 % t-interval over 3 seeds"


def test_one_run_has_the_interval_over_images_in_its_note(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "run")
    low, high = content["metrics"]["psnr"]["restored_interval"]
    found = cell(quality(tmp_path), "Real-ESRGAN, full", "PSNR")
    assert found.half_width is None
    assert found.note == f"one run; 95 % over images: {low:.4g} to {high:.4g}"


def test_the_papers_figures_are_beside_ours(tmp_path: Path) -> None:
    content = make_evaluation(tmp_path / "run")
    table = quality(tmp_path)
    ours = cell(table, "Real-ESRGAN, full", "PSNR")
    assert ours.paper == "30.6"
    assert ours.difference == pytest.approx(content["metrics"]["psnr"]["restored"] - 30.6)
    compressed = cell(table, "compressed", "FID")
    assert (compressed.value, compressed.paper) == (content["metrics"]["fid"]["compressed"], "9.73")
    assert "Beside ours are the figures of the paper's Tab. 3" in table.notes[0]
    absent = cell(table, "CBDNet", "PSNR")
    assert (absent.value, absent.paper, absent.note) == (None, "31.7", "not evaluated")
    assert len(table.rows) == 12
    assert [column.name for column in table.columns][4:6] == ["NIQE", "AHIQ"]


def test_other_images_are_not_compared(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run", set_name="kodak", images=24, codec="jpeg", quality=20)
    table = quality(tmp_path)
    ours = cell(table, "Real-ESRGAN, full", "PSNR")
    assert (ours.paper, ours.difference) == ("30.6", None)
    assert table.notes[0].endswith("not comparable: the set is kodak of 24 images; the codec is jpeg.")
    assert [row.label for row in table.rows] == ["compressed", "Real-ESRGAN, full"]
    assert [column.name for column in table.columns] == ["PSNR", "SSIM", "LPIPS", "FID", "NIQE"]


def test_missing_metrics_say_why(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run")
    metrics = {"psnr": {"compressed": 30, "restored": None}, "psnr_y": {"compressed": 31, "restored": float("inf")}}
    protocol = {"metric": "PSNR", "higher_is_better": True, "unit": "dB", "variant": "", "colour": "Y"}
    make_evaluation(tmp_path / "other", "esrgan", metrics=metrics, protocols={"psnr_y": protocol}, unavailable={})
    table = quality(tmp_path)
    assert cell(table, "Real-ESRGAN, full", "NIQE").note == NO_NIQE
    assert cell(table, "ESRGAN, full", "NIQE").note == "this metric was not among those that were asked for"
    assert cell(table, "ESRGAN, full", "PSNR").value is None
    assert cell(table, "ESRGAN, full", "PSNR-Y").note == "not finite (inf)"
    assert cell(table, "compressed", "PSNR-Y").value == 31


def test_networks_of_another_size_are_named(tmp_path: Path) -> None:
    chosen = {"baseline": "esrgan", "method": "full", "scale": "demo"}
    make_evaluation(tmp_path / "run", "esrgan", chosen=chosen)
    make_evaluation(tmp_path / "other", chosen={**chosen, "baseline": "realesrgan"})
    table = quality(tmp_path)
    assert table.notes[-1] == ("Trained otherwise than in the paper: scale demo (ESRGAN, full; Real-ESRGAN, full).")
    found = cell(table, "ESRGAN, full", "PSNR")
    assert (found.paper, found.unlike, found.difference) == ("29.6", "other scale", None)
    assert cell(table, "compressed", "PSNR").unlike == ""


def test_bd_rates_are_those_of_the_analysis(tmp_path: Path) -> None:
    qualities = (27, 32, 37, 42, 47)
    make_sweep(tmp_path, methods=("full",), qualities=qualities, seeds=(0, 1))
    deltas: list[float] = []
    for seed in (0, 1):
        own = [one for one in found_in(tmp_path) if one.seed == seed]
        bits = [one.bits_per_pixel.mean for one in own]
        compressed = [one.metrics["psnr"].compressed or 0 for one in own]
        deltas.append(bd_rate(Curve(bits, compressed), Curve(bits, [psnr(one) for one in own])).value)
    table = rates(tmp_path)
    found = cell(table, "Real-ESRGAN, full", "PSNR")
    assert found.value == pytest.approx(fmean(deltas))
    assert found.half_width == pytest.approx(stats.t.ppf(0.975, 1) * stats.sem(deltas))
    assert (found.paper, found.unlike) == ("+5.71", "")
    assert found.note.startswith("mean and 95 % t-interval over 2 seeds; overlap ")
    assert [column.unit for column in table.columns] == ["%"] * 5
    lpips = cell(table, "Real-ESRGAN, full", "LPIPS")
    assert lpips.value is not None
    assert lpips.value < 0  # better at equal bits, though lower


def test_images_are_the_same_at_all_qualities_if_their_names_and_sizes_are(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("full",), qualities=(32, 37))
    images = {"name": "div2k-valid", "images": 100, "fingerprint": "feed" * 16}
    make_evaluation(tmp_path / "other", quality=42, side=97, set=images)
    found = swept(tmp_path)
    assert [[condition.quality for condition in one.conditions] for one in found] == [["32", "37"], ["42"]]
    assert [one.label[:45] for one in found] == [
        f"div2k-valid, bpg (100 images, set {name}, b" for name in ("c0ffeec0", "feedfeed")
    ]


def test_other_interpolations_are_beside_and_little_overlap_is_marked(tmp_path: Path) -> None:
    for number, quality in enumerate((27, 32, 37, 42)):
        make_evaluation(tmp_path / str(quality), "realesrgan", "full", 0, quality, shift=0.4 * (number == 1))
    make_sweep(tmp_path, methods=("vanilla",), qualities=(27, 32, 37, 42), shift=2)
    own = [one for one in found_in(tmp_path) if one.chosen["method"] == "full"]
    bits = [one.bits_per_pixel.mean for one in own]
    curves = Curve(bits, [one.metrics["psnr"].compressed or 0 for one in own]), Curve(bits, [psnr(one) for one in own])
    found = cell(rates(tmp_path), "Real-ESRGAN, full", "PSNR")
    pchip, akima = (bd_rate(*curves, method).text.replace("-", "\N{MINUS SIGN}") for method in ("pchip", "akima"))
    assert len({pchip, akima, bd_rate(*curves).text}) == 3
    assert f"by pchip {pchip}; by akima {akima}" in found.note
    assert not found.doubtful
    far = cell(rates(tmp_path), "Real-ESRGAN, vanilla", "PSNR")
    assert far.value is not None
    assert far.text.endswith("*")
    assert "overlap 5" in far.note
    assert any(note.startswith("* is to be doubted") for note in rates(tmp_path).notes)


def test_bd_metrics_are_those_of_the_analysis(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("full",), qualities=(27, 32, 37, 42, 47))
    evaluations = found_in(tmp_path)
    (sweep,) = swept(tmp_path)
    table = bd_metric_table(sweep)
    for name, title in (("psnr", "PSNR"), ("lpips", "LPIPS")):
        bits = [one.bits_per_pixel.mean for one in evaluations]
        better = name == "psnr"
        anchor = Curve(bits, [one.metrics[name].compressed or 0 for one in evaluations], better)
        test = Curve(bits, [one.metrics[name].restored or 0 for one in evaluations], better)
        found = cell(table, "Real-ESRGAN, full", title)
        assert found.value == pytest.approx(bd_metric(anchor, test).value)
        assert found.paper is None
    assert [(column.name, column.unit) for column in table.columns][:2] == [("PSNR", "dB"), ("SSIM", "")]


def test_what_was_trained_but_not_evaluated_has_an_empty_row_that_says_why(tmp_path: Path) -> None:
    make_sweep(tmp_path, ("esrgan",), methods=("vanilla",))
    evaluations = found_in(tmp_path)
    groups = grouped(evaluations)
    (images,) = by_images(groups, evaluations)
    absent = {Subject("esrgan", "full"): "its training failed: out of memory", Subject("esrgan", "vanilla"): "never"}
    absent |= {Subject("my_net"): "its training has not ended"}
    images = images._replace(absent=absent)
    (sweep,) = sweeps([images], groups)
    tables = [quality_table(images), bias_table(images), bd_rate_table(sweep), ablation_table(images)]
    for table in tables:
        assert table is not None
        row = next(one for one in table.rows if one.label == "ESRGAN, full")
        assert row.cells[0].value is None
        assert row.cells[0].note == "its training failed: out of memory"
        assert [one.label for one in table.rows].count("ESRGAN, vanilla") == 1
    quality_rows = tables[0].rows if tables[0] else []
    assert [row.label for row in quality_rows][-1] == "my_net"
    assert cell(quality(tmp_path), "CBDNet", "PSNR").note == "not evaluated"


@pytest.mark.parametrize(
    ("qualities", "reason"),
    [((37,), "one quality only: a curve needs four"), ((27, 37, 42), "3 qualities only: a curve needs four")],
)
def test_few_qualities_make_no_curve(tmp_path: Path, qualities: tuple[int, ...], reason: str) -> None:
    make_sweep(tmp_path, methods=("full",), qualities=qualities)
    table = rates(tmp_path)
    found = cell(table, "Real-ESRGAN, full", "PSNR")
    assert (found.value, found.note, found.difference) == (None, reason, None)
    assert cell(table, "Real-ESRGAN, full", "NIQE").note == NO_NIQE
    assert "not comparable: the QP is" in table.notes[-1]


def test_each_mitigation_is_held_against_vanilla_of_the_same_seed(tmp_path: Path) -> None:
    make_sweep(tmp_path, seeds=(0, 1))
    make_evaluation(tmp_path / "more", "realesrgan", "full", 7, shift=5)
    table = ablation(tmp_path)
    assert table is not None
    values = {(one.chosen["method"], one.seed): psnr(one) for one in found_in(tmp_path)}
    gains = [values["full", seed] - values["vanilla", seed] for seed in (0, 1)]
    found = cell(table, "Real-ESRGAN, full", "Δ PSNR")
    assert found.value == pytest.approx(fmean(gains))
    assert (found.paper, found.note) == ("+0.79", "over 2 seeds that both have")
    assert cell(table, "Real-ESRGAN, full", "PSNR").value == pytest.approx(
        fmean([*(values["full", s] for s in (0, 1, 7))])
    )
    assert cell(table, "Real-ESRGAN, vanilla", "Δ PSNR").note == "what the others are compared with"
    assert [row.label.split(", ")[1] for row in table.rows] == ["vanilla", "conditional", "divergence", "full"]
    assert [column.name for column in table.columns] == ["PSNR", "Δ PSNR", "FID", "Δ FID"]


def test_what_was_not_evaluated_of_an_ablation_is_empty(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("full",))
    table = ablation(tmp_path)
    assert table is not None
    assert len(table.rows) == 4
    absent = cell(table, "Real-ESRGAN, conditional", "FID")
    assert (absent.value, absent.note, absent.paper) == (None, "not evaluated", "9.21")
    gain = cell(table, "Real-ESRGAN, full", "Δ FID")
    assert (gain.value, gain.note, gain.paper) == (
        None,
        "0 vanilla trainings are like it in all else; expected one",
        "-1.83",
    )


def test_without_a_common_seed_means_are_held_against_each_other(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a", "esrgan", "vanilla", 0)
    make_evaluation(tmp_path / "b", "esrgan", "full", 1)
    table = ablation(tmp_path)
    assert table is not None
    a, b = (cell(table, f"ESRGAN, {method}", "PSNR").value or 0 for method in ("vanilla", "full"))
    gain = cell(table, "ESRGAN, full", "Δ PSNR")
    assert gain.value == pytest.approx(b - a)
    assert gain.note == "of means: no seed is the same"


def test_without_an_adversarial_baseline_there_is_no_ablation(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "a", "arcnn", "vanilla")
    assert ablation(tmp_path) is None


def test_cells_say_in_what_the_papers_figure_is_of_something_else(tmp_path: Path) -> None:
    make_evaluation(tmp_path / "run", codec_identity=X265, protocols={**PROTOCOLS, "lpips": {"variant": "VGG"}})
    table = quality(tmp_path)
    assert cell(table, "Real-ESRGAN, full", "PSNR").unlike == "other encoder"
    assert cell(table, "compressed", "PSNR").unlike == "other encoder"
    assert {one.unlike for row in table.rows for one in row.cells if one.paper and one.value is not None} == {
        *("other encoder", "other encoder, variant"),
    }
    # Another encoder's are the nearest for want of the paper's, so its rows are there.
    absent = cell(table, "CBDNet", "PSNR")
    assert (absent.paper, absent.unlike, absent.note) == ("31.7", "other encoder", "not evaluated")


def test_what_x265_makes_of_a_qp_is_said_by_what_was_measured(tmp_path: Path) -> None:
    made = {q: make_evaluation(tmp_path / str(q), quality=q, codec_identity=X265) for q in (27, 37, 40, 45)}
    evaluations = found_in(tmp_path)
    groups = grouped(evaluations)

    def note(qp: str) -> str:
        (images,) = (one for one in by_images(groups, evaluations) if one.condition.quality == qp)
        return quality_table(images, evaluations).notes[1]

    pair = "; ".join(
        f"QP {qp} {made[qp]['metrics']['psnr']['compressed']:.2f} dB at {made[qp]['bits_per_pixel']['mean']:.3f} "
        "bits per pixel"
        for qp in (37, 40)
    )
    takes = "x265 takes 3 off the QP of a still picture, JCT-VC, the paper's encoder, nothing: "
    nearest = "nearest to the paper's QP 37 is QP 40 here, and QP 37 is so in name only."
    assert note("37") == note("40") == f"{takes}{nearest} Compressed images measured here: {pair}."
    assert note("27").endswith("bits per pixel; QP 30 not evaluated.")
    assert "nearest to the paper's QP 42 is QP 45 here" in note("45")
    make_evaluation(tmp_path / "jctvc", "esrgan")
    assert not [text for text in quality(tmp_path / "jctvc").notes if "x265" in text]


def test_another_quality_than_its_own_is_no_point_of_a_methods_curve(tmp_path: Path) -> None:
    make_sweep(tmp_path, methods=("full",), qualities=(27, 32, 37, 42), config=CONFIG)
    before = cell(rates(tmp_path), "Real-ESRGAN, full", "PSNR")
    training = {"seed": 0, "iterations": 1000, "pretrain_iterations": 500, "quality": 27, **TRAINED}
    subject = {"kind": "run", "name": "run", "path": "run", "sha256": "27"}
    for quality_of_images in (37, 42):
        changes: dict[str, Any] = {"config": CONFIG, "training": training, "subject": subject, "shift": -3}
        make_evaluation(tmp_path / f"cross{quality_of_images}", quality=quality_of_images, **changes)
    table = rates(tmp_path)
    assert cell(table, "Real-ESRGAN, full", "PSNR") == before
    other = cell(table, "Real-ESRGAN, full (trained for bpg 27)", "PSNR")
    assert (other.value, other.note) == (None, "2 qualities only: a curve needs four")


def test_one_network_has_a_curve_over_all_qualities_that_it_was_evaluated_at(tmp_path: Path) -> None:
    training = {"seed": 0, "iterations": 1000, "pretrain_iterations": 500, "quality": 27, **TRAINED}
    subject = {"kind": "run", "name": "run", "path": "run", "sha256": "27"}
    for qp in (27, 32, 37, 42):
        changes: dict[str, Any] = {"config": CONFIG, "training": training, "subject": subject}
        make_evaluation(tmp_path / str(qp), quality=qp, **changes)
    table = rates(tmp_path)
    assert cell(table, "Real-ESRGAN, full (trained for bpg 27)", "PSNR").value is not None
    assert cell(table, "Real-ESRGAN, full", "PSNR").note == "one quality only: a curve needs four"


def test_what_is_for_several_qualities_makes_a_curve_without_mixed_images(tmp_path: Path) -> None:
    training = {"seed": 0, "iterations": 1000, "pretrain_iterations": 500, "quality": "27-42", **TRAINED}
    for qp in (27, 32, 37, 42, "27-42"):
        subject = {"kind": "run", "name": "run", "path": "run", "sha256": "b"}
        make_evaluation(tmp_path / str(qp), quality=qp, training=training, config=CONFIG, subject=subject)
    found = swept(tmp_path)
    assert [[condition.quality for condition in one.conditions] for one in found] == [["27", "32", "37", "42"]]
    assert cell(rates(tmp_path), "Real-ESRGAN, full (trained for bpg 27-42)", "PSNR").value is not None
    assert rates(tmp_path).notes[1] == (
        "Left out, since images of mixed or unknown qualities are no point of a curve: "
        "Real-ESRGAN, full (trained for bpg 27-42) at 27-42."
    )


def test_an_ablation_is_of_trainings_that_are_alike_in_all_else(tmp_path: Path) -> None:
    for clip in (1, 2):
        for method in ("vanilla", "full"):
            config = {"training": {"layers": {"conv1_2": 1.0}, "clip_gradients": clip}}
            subject = {"kind": "run", "name": f"{method}{clip}", "path": "", "sha256": f"{method}{clip}"}
            changes: dict[str, Any] = {"config": config, "subject": subject, "shift": clip * (method == "full")}
            make_evaluation(tmp_path / f"{method}{clip}", method=method, **changes)
    table = ablation(tmp_path)
    assert table is not None
    gains = [cell(table, f"Real-ESRGAN, full (clip_gradients {clip})", "Δ PSNR").value for clip in (1, 2)]
    assert None not in gains
    assert (gains[1] or 0) - (gains[0] or 0) == pytest.approx(1)
