from pathlib import Path

import pytest

from biasgan.inference.plan import Job, plan, writable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def targets(*inputs: str, **options: object) -> list[str]:
    found = plan(inputs, **options)  # pyright: ignore[reportArgumentType] - those of the tests below
    assert not found.missing
    return [str(job.target) for job in found.jobs]


def test_a_result_lies_beside_its_input(here: Path) -> None:
    make("b/photo.JPG")
    found = plan(["b/photo.JPG"], compare=True)
    assert found.jobs == [Job(Path("b/photo.JPG"), Path("b/photo-restored.png"), Path("b/photo-compare.png"))]
    assert targets("b/photo.JPG", format="webp") == ["b/photo-restored.webp"]
    assert plan(["b/photo.JPG"]).jobs[0].comparison is None


def test_a_folder_is_mirrored(here: Path) -> None:
    make("in/a.jpg", "in/deep/er/b.bpg", "in/notes.txt", "in/.hidden/c.jpg", "in/x.png/d.tif", "other/in/a.jpg")
    assert targets("in", out="out") == ["out/a.png", "out/deep/er/b.png", "out/x.png/d.png"]
    assert targets("in") == ["in/a-restored.png", "in/deep/er/b-restored.png", "in/x.png/d-restored.png"]
    assert targets("in", "other", out="out")[-1] == "out/other/in/a.png"
    assert targets("in/a.jpg", "other", out="out") == ["out/a.png", "out/in/a.png"]
    # Two of one name.
    assert targets("in", "other/in", out="out") == [
        "out/in/a-jpg.png", "out/in/deep/er/b.png", "out/in/x.png/d.png", "out/in/a-jpg-2.png",
    ]  # fmt: skip


def test_equal_names_do_not_collide(here: Path) -> None:
    make("a.jpg", "A.png", "b.jpg.png", "b.jpg", "c.png")
    assert targets(".", out="out") == [
        *("out/A-png.png", "out/a-jpg.png", "out/b.png", "out/b.jpg.png", "out/c.png"),
    ]  # fmt: skip
    assert targets("a.jpg", "A.png") == ["a-jpg-restored.png", "A-png-restored.png"]
    assert targets("a.jpg", str(here / "a.jpg"), "./a.jpg", "*.jpg") == ["a-restored.png", "b-restored.png"]


def test_patterns_are_ours_to_resolve(here: Path) -> None:
    make("in/a.jpg", "in/deep/b.jpg", "in/deep/c.png", "in/.d.jpg", "in/e.jpg/f.png")
    assert targets("in/*.jpg", out="out") == ["out/a.png"]
    assert targets("in/**/*.jpg", out="out") == ["out/a.png", "out/deep/b.png"]
    assert targets(f"{here}/in/*/?.*", out="out") == ["out/deep/b.png", "out/deep/c.png", "out/e.jpg/f.png"]


def test_odd_names_are_names(here: Path) -> None:
    make("in/a [1].jpg", "in/ü *?.jpg", "in/no extension", "in/two.dots.png")
    assert targets("in/a [1].jpg", "in/ü *?.jpg", "in/no extension", "in/two.dots.png") == [
        *("in/a [1]-restored.png", "in/ü *?-restored.png", "in/no extension-restored.png"),
        "in/two.dots-restored.png",
    ]


def test_what_is_not_there_is_said_and_the_rest_goes_on(here: Path) -> None:
    make("a.jpg", "empty/notes.txt")
    found = plan(["none.jpg", "a.jpg", "none/*.jpg", "empty"])
    assert [job.source for job in found.jobs] == [Path("a.jpg")]
    assert found.missing[:2] == ["none.jpg is not there.", "none/*.jpg matches no file."]
    assert found.missing[2].startswith("empty has no images in it or in its subfolders; expected .png, ")
    assert found.missing[2].endswith("; 1 other file (.txt) left out.")


def test_links_that_lead_back_end(here: Path) -> None:
    make("in/a.jpg")
    Path("in/loop").symlink_to(here / "in", target_is_directory=True)
    Path("in/self.jpg").symlink_to("self.jpg")
    assert targets("in") == ["in/a-restored.png"]
    assert targets("in/**/*.jpg") == ["in/a-restored.png"]
    assert plan(["in"]).left_out == ["1 other file (.jpg)", "1 link to folders that are taken already"]


def test_a_link_to_a_file_is_a_picture_of_its_own_name(here: Path) -> None:
    make("in/same.jpg", "in/z.png")
    Path("in/link.jpg").symlink_to("same.jpg")
    Path("again").symlink_to("in", target_is_directory=True)
    names = ["out/link.png", "out/same.png", "out/z.png"]
    assert targets("in", out="out") == names
    assert targets("in/*", "in/same.jpg", "in/../in/same.jpg", "again/same.jpg", out="out") == names


def test_linked_folders_are_inputs_too(here: Path) -> None:
    make("in/a.jpg", "elsewhere/b.jfif")
    Path("in/there").symlink_to(here / "elsewhere")
    assert targets("in", out="out") == ["out/a.png", "out/there/b.png"]


def test_long_names_have_results(here: Path) -> None:
    long = "y" * 251
    make(f"in/{long}.jpg", f"in/{'ö' * 125}.jfif", "in/short.jpg")
    for format in (None, "webp"):
        for out in (None, "out"):
            found = plan(["in"], out, format, compare=True)
            made = [path for job in found.jobs for path in (job.target, job.comparison) if path]
            assert len({*made}) == 6
            assert max(len(path.name.encode()) for path in made) <= 255
    assert targets(f"in/{long}.jpg", out="out") == [f"out/{long}.png"]
    make(*targets("in", format="webp"))
    assert plan(["in"]).results == 3
    found = plan(["in/short.jpg", "z" * 300, f"{'z' * 300}/a.jpg"])
    assert [job.source.name for job in found.jobs] == ["short.jpg"]
    assert [line[-13:] for line in found.missing] == ["is not there."] * 2


def test_where_results_cannot_be_written_is_said_before(here: Path) -> None:
    make("in/day/a.jpg", "in/b.jpg", "out/day", "file")
    found = plan(["in"], out="out")
    left, failures = writable(found.jobs)
    assert [job.source for job in left] == [Path("in/b.jpg")]
    assert failures == ["in/day/a.jpg is not restored: out/day cannot be written to: it is no folder."]
    for out in ("file/deep/er", "/proc/none"):
        with pytest.raises(OSError, match=f"{out} cannot be written to: "):
            writable(plan(["in/b.jpg"], out=out).jobs)
    assert writable(plan(["in"], out="new/folder").jobs)[1] == []
    assert not Path("new").exists()


def test_results_are_no_inputs(here: Path) -> None:
    make("in/a.jpg", "in/a.png", "in/b.jpg", "in/c-restored.png")
    first = plan(["in"], compare=True)
    made = [str(path) for job in first.jobs for path in (job.target, job.comparison)]
    assert len(made) == 8
    make(*made)
    second = plan(["in"], compare=True)
    assert (second.jobs, second.there, second.results) == ([], 4, 8)
    # Another format finds what the first one left.
    assert [str(job.target) for job in plan(["in"], format="webp").jobs] == [
        *("in/a-jpg-restored.webp", "in/a-png-restored.webp", "in/b-restored.webp", "in/c-restored-restored.webp"),
    ]
    # The only one that is named is what is wanted.
    assert targets("in/b-restored.png") == ["in/b-restored-restored.png"]


def test_an_output_folder_is_no_input(here: Path) -> None:
    make("in/a.jpg", "in/out/b.png")
    assert targets("in", out="in/out") == ["in/out/a.png"]
    # Unless it is named.
    with pytest.raises(ValueError, match=r"the result for in/out/b\.png would replace in/out/b\.png, an input"):
        plan(["in", "in/out/b.png"], out="in/out")


def test_what_is_there_is_left(here: Path) -> None:
    make("a.jpg", "b.jpg", "a-restored.png")
    found = plan(["a.jpg", "b.jpg"])
    assert ([str(job.source) for job in found.jobs], found.there) == (["b.jpg"], 1)
    assert plan(["a.jpg", "b.jpg"], overwrite=True).there == 0
    # The comparison is missing.
    assert plan(["a.jpg", "b.jpg"], compare=True).there == 0


def test_a_file_can_be_named(here: Path) -> None:
    make("a.jpg", "b.jpg")
    (job,) = plan(["a.jpg"], "some/name.tif", compare=True).jobs
    assert job == Job(Path("a.jpg"), Path("some/name.tif"), Path("some/name-compare.png"))
    Path("folder.png").mkdir()
    assert targets("a.jpg", out="folder.png") == ["folder.png/a.png"]
    for inputs in (["a.jpg", "b.jpg"], ["*.jpg"], ["."]):
        with pytest.raises(ValueError, match=r"name\.png names one file, and there may be several results"):
            plan(inputs, "name.png")
    with pytest.raises(ValueError, match=r"a\.gif has no extension that can be written; expected \.png, "):
        plan(["a.jpg"], "a.gif")
    make("plain")
    with pytest.raises(ValueError, match="plain is a file without an extension"):
        plan(["a.jpg"], "plain")


def test_inputs_are_never_replaced(here: Path) -> None:
    make("a.png", "b-compare.png")
    for out in (".", str(here), "a.png"):
        with pytest.raises(ValueError, match=r"the result for a\.png would replace .*a\.png, an input"):
            plan(["a.png"], out, overwrite=True)
    assert plan(["b-compare.png"], "b.webp").jobs
    with pytest.raises(ValueError, match=r"the result for b-compare\.png would replace b-compare\.png"):
        plan(["b-compare.png"], "b.webp", compare=True)
