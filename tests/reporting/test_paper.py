from biasgan.reporting import paper
from biasgan.reporting.paper import Subject


def test_figures_are_those_of_the_paper() -> None:
    """Some of each table, at its ends and within."""
    ours = Subject("realesrgan", "full")
    assert paper.OBJECTIVE_QUALITY["ahiq"][Subject("compressed")] == "0.433"
    assert paper.OBJECTIVE_QUALITY["dists"][Subject("esrgan", "full")] == "0.058"
    assert paper.OBJECTIVE_QUALITY["fid"][Subject("esrgan", "full")] == "7.50"
    assert paper.OBJECTIVE_QUALITY["psnr"][Subject("cbdnet")] == "31.7"
    assert paper.OBJECTIVE_QUALITY["topiq_fr"][ours] == "0.821"
    assert paper.BD_RATE["dists"][Subject("arcnn")] == "+12.4"
    assert paper.BD_RATE["psnr"][ours] == "+5.71"
    assert paper.BD_RATE["hyperiqa"][Subject("esrgan", "full")] == "-98.5"
    assert paper.ABLATION_GAIN["fid"][ours] == "-1.83"


def test_realism_has_the_papers_differences_on_both_sets() -> None:
    """From the originals, of restored and of compressed images, as Tab. 1 and 2 give them."""
    expected = {
        Subject("realesrgan", "vanilla"): ((-0.48, 0.08), (-0.47, 0.10)),
        Subject("esrgan", "vanilla"): ((-0.46, 0.03), (-0.48, 0.04)),
        Subject("realesrgan", "full"): ((-0.83, -0.82), (-0.83, -0.81)),
    }
    for subject, of_sets in expected.items():
        for figures, differences in zip((paper.REALISM, paper.FLICKR2K_REALISM), of_sets, strict=True):
            original, *others = map(float, figures[subject])
            assert [round(other - original, 2) for other in others] == [*differences]


def test_tables_agree_with_each_other() -> None:
    """Tab. 5 repeats columns of Tab. 3, and its gains are differences up to the rounding of three digits."""
    for metric, figures in paper.ABLATION.items():
        for subject, figure in figures.items():
            assert paper.OBJECTIVE_QUALITY[metric].get(subject, figure) == figure
            gain = paper.ABLATION_GAIN[metric].get(subject)
            if gain is not None:
                difference = float(figure) - float(figures[Subject(subject.baseline, "vanilla")])
                assert abs(difference - float(gain)) <= 0.101
    assert paper.OBJECTIVE_QUALITY.keys() == paper.METRICS.keys() == paper.HIGHER_IS_BETTER.keys()
    assert paper.BD_RATE.keys() == paper.METRICS.keys() - {"niqe", "pi"}


def test_the_claims_of_its_text_hold() -> None:
    """The method beats its baseline by all eleven metrics."""
    for metric, figures in paper.OBJECTIVE_QUALITY.items():
        for baseline in paper.ADVERSARIAL:
            full, vanilla = (float(figures[Subject(baseline, method)]) for method in ("full", "vanilla"))
            assert (full > vanilla) == paper.HIGHER_IS_BETTER[metric]
