import os
import shutil
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from biasgan import evaluate, prepare
from biasgan.cli.config import digest_of
from biasgan.cli.options import PARSER, PATHS, as_given, path_in, quoted, with_absolute_paths, with_paths_of
from biasgan.runs import weights as checkpoint

from ..conftest import Command, tiny

NAMES = [
    *("runs (1)", "läufe", "lr=0.1", "a,b", "a b", "it's", 'say "hi"', "{x}", "[x]", "#1", "50%", "$HOME-like", "a:b"),
    *("~x", "back\\slash", "-dash", "trailing ", " leading", "日本", "1e3", "1", "true", "${x}", "\\${x}", "a${b"),
    *(
        "???",
        "'quoted'",
        '"quoted"',
        "ends\\",
        "choice(a,b)",
        "s3:",
        "new\nline",
        "+a",
        "a'b\"c\\'",
        "naïve, isn't it?",
    ),
]
"""Of folders and files that people and file systems have."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    return tmp_path


def read(option: str) -> object:
    """The value that a configuration gets of an option, behind Hydra and OmegaConf."""
    override = PARSER.parse_override(option)
    assert not override.is_sweep_override()
    config = OmegaConf.create({"first": override.value(), "second": "${first}"})
    assert OmegaConf.is_missing(config, "first") is False
    return config.second


@pytest.mark.parametrize("name", NAMES)
def test_a_path_that_is_there_comes_out_as_it_was_given(folder: Path, name: str) -> None:
    (folder / name / "below").mkdir(parents=True)
    for given in (name, f"{name}/below", f"./{name}", str(folder / name)):
        for key in ("data.root", "+path"):
            for flags in ([], ["-m"]):
                (*_, option) = options = as_given([*flags, f"{key}={given}"])
                assert Path(str(read(option))) == Path(given)
                assert Path(path_in(option) or "") == Path(given)
                assert as_given(options) == options


@pytest.mark.parametrize("name", [name for name in NAMES if "${" not in name and "quoted" not in name])
def test_a_path_that_is_not_there_yet_too(name: str) -> None:
    for key in ("out", "hydra.run.dir", "data.root"):
        assert Path(str(read(*as_given([f"{key}={name}"])))) == Path(name)


def test_what_hydra_reads_as_it_is_stays_so_that_sweeps_find_their_jobs() -> None:
    """The digest of a job is that of its options."""
    options = ["data=folder", "data.root=../my photos/a", "init_from=/a/b-c.d", "features.weights=auto", "qf=10,20"]
    assert as_given(options) == options
    assert digest_of(as_given(options)) == "b1ef9c24"


def test_words_stay_words(folder: Path) -> None:
    for word in ("null", "auto", "imagenet", "random", "bundled"):
        (folder / word).mkdir()
    words = ["resume=auto", "resume=null", "init_from=bundled", "features.weights=random", "data.root=s3://b/a prefix"]
    assert as_given(words) == words
    assert read("resume=null") is None
    assert read(*as_given(["resume=./null"])) == "./null"
    assert read(*as_given(["data.root=random"])) == "random"
    for name in ("init_from", "model", "path"):
        assert PATHS[name] == tuple(checkpoint.GENERATORS)
    assert PATHS["init_discriminator_from"] == tuple(checkpoint.DISCRIMINATORS)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("'my photos'", ["my photos"]),
        ('"it\'s"', ["it's"]),
        ("a,b (1)", ["a", "b (1)"]),
        ("a,'it\\'s, isn\\'t it',läufe", ["a", "it's, isn't it", "läufe"]),
        ('"b (1)",a', ["b (1)", "a"]),
        ("1,true,1e3", ["1", "true", "1e3"]),
        ("x,y", ["x,y"]),
        ("x,y,x", ["x,y,x"]),
        ("it's/1,it's/2", ["it's/1", "it's/2"]),
        ("choice(a,b)", ["a", "b"]),
        ("a,", ["a"]),
    ],
)
def test_commas_part_several_paths_unless_there_is_one_with_commas(
    folder: Path, given: str, expected: list[str]
) -> None:
    for name in ("x,y", "x,y,x", "a", "b (1)"):
        (folder / name).mkdir()
    (_, option) = as_given(["-m", f"run={given}"])
    override = PARSER.parse_override(option)
    values = list(override.sweep_string_iterator()) if override.is_sweep_override() else [option.partition("=")[2]]
    assert [path_in(f"run={value}") for value in values] == expected
    # An experiment makes a sweep too, without -m.
    assert as_given([f"run={given}"]) == [option] or given in ("1,true,1e3", "it's/1,it's/2", "choice(a,b)")


def test_without_a_sweep_a_path_may_have_commas_before_it_is_there(folder: Path) -> None:
    (folder / "a").mkdir()
    for option in ("out=a,b", "hydra.run.dir=a,b", "data.root=b,c"):
        assert read(*as_given([option])) == option.partition("=")[2]
    assert PARSER.parse_override(as_given(["data.root=a,b"])[0]).is_sweep_override()
    assert read(*as_given(["-m", "hydra.sweep.dir=a,b"])[1:]) == "a,b"


def test_home_folders_are_those_of_the_shell(folder: Path) -> None:
    (folder / "~nobody-of-this-name").mkdir()
    assert read(*as_given(["data.root=~/my (1)"])) == "/home/me/my (1)"
    assert read(*as_given(["data.root=~nobody-of-this-name"])) == "~nobody-of-this-name"
    assert path_in("resume='~/run'") == "/home/me/run"


def test_other_values_are_filled_in_where_there_is_no_such_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTOS", "mine")
    option = "data.root=${oc.env:PHOTOS}/a"
    assert as_given([option]) == [option]
    assert read(*as_given(["data.root=${oc.env:PHOTOS}/(1), a"])) == "mine/(1), a"
    (folder / "${oc.env:PHOTOS}").mkdir()
    assert read(*as_given(["data.root=${oc.env:PHOTOS}"])) == "${oc.env:PHOTOS}"


def test_what_must_be_quoted_is_shown_in_quotes(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"""^codec\.name=it's \(1 has .* write 'codec\.name="it'"'"'s \(1"'$"""):
        as_given(["codec.name=it's (1"])
    (folder / "läufe").mkdir()
    assert read(*as_given(["callbacks.curves.path=läufe"])) == "läufe"
    flags = ["--config-dir", "a=(1", "--cfg", "job", "-m", "~callbacks.curves", "features.layers={conv1_2:1.0}"]
    assert as_given(flags) == flags


def test_further_processes_find_the_run_folder(folder: Path) -> None:
    """Lightning starts them with hydra.run.dir="FOLDER", and leaves quotes and backslashes in it as they are."""
    for name in ('say "hi"', "it's", "back\\slash", "ends\\", "läufe (1)"):
        (folder / name).mkdir()
        assert read(*as_given([f'hydra.run.dir="{name}"'])) == name


def test_a_run_folder_that_hydra_fails_on_is_refused(folder: Path) -> None:
    (folder / "${x}").mkdir()
    for option in ("resume=${x}", "hydra.run.dir=${x}", r"hydra.sweep.dir='\${y}'"):
        with pytest.raises(ValueError, match=r"Hydra can have no \$\{ in the name of a run folder"):
            as_given([option])
    assert as_given(["hydra.run.dir=runs/${now:%Y}"]) == ["hydra.run.dir=runs/${now:%Y}"]


def test_an_empty_path_is_refused() -> None:
    for option in ("data.root=", "resume= "):
        with pytest.raises(ValueError, match="= has no value; give a path, or leave it out"):
            as_given([option])


def test_paths_are_quoted_for_hydra() -> None:
    assert quoted(Path("a, b=c")) == "'a, b=c'"
    assert quoted(Path("isn't")) == r"'isn\'t'"


def test_paths_are_recorded_from_the_root_on(folder: Path) -> None:
    config = OmegaConf.create(
        {
            "data": {"root": "a\\${x}"}, "init_from": "bundled", "resume": None, "restored": "s3://a/b", "qf": 20,
            "path": "~/net.pth", "pairs": {"images": "${data}", "store": "${oc.env:HOME}/pairs"}, "original": "???",
        }
    )  # fmt: skip
    assert with_absolute_paths(config) is config
    here = os.path.realpath(folder)
    assert (config.data.root, config.pairs.images.root) == (f"{here}/a${{x}}", f"{here}/a${{x}}")
    assert (config.init_from, config.resume, config.restored) == ("bundled", None, "s3://a/b")
    assert (config.path, config.pairs.store) == ("/home/me/net.pth", "/home/me/pairs")
    given = ["data=folder", "data.root='a\\${x}'", "++path=~/net.pth", "init_from=bundled", "resume=null", "~original"]
    recorded = with_paths_of(config, given)
    assert [recorded[0], *recorded[2:]] == [given[0], "++path=/home/me/net.pth", *given[3:]]
    assert read(recorded[1]) == f"{here}/a${{x}}"


def test_runs_and_images_in_folders_of_any_name_from_other_folders(
    command: Command, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "it's läufe, lr=0.1 [x] {y} (1)"
    shutil.copytree(pictures, tmp_path / f"${{z}} {name}")
    run = tmp_path / name / "a"
    images = f"data.root=${{z}} {name}"
    assert command("data=folder", images, "data.valid_every=2", "qf=20", main=prepare.main).status == 0
    options = (*tiny(Path(f"${{z}} {name}"), "iterations=1", "pretrain_iterations=0"), f"hydra.run.dir={name}/a")
    assert images in options
    assert command(*options).status == 0
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["data"]["root"] == config["pairs"]["images"]["root"] == f"{tmp_path}/${{z}} {name}"
    (run / "summary.json").unlink()

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert command(f"resume=../{name}/a").status == 0
    assert (run / "summary.json").is_file()
    done = command("--from", f"../{name}/a", "hydra.run.dir=again")
    assert done.status == 0
    assert "Not as in" not in done.out
    assert command(f"run=../{name}/a", "accelerator=cpu", "pictures=0", main=evaluate.main).status == 0
    assert (run / "evaluation.json").is_file()
    assert [place.name for place in Path().iterdir()] == ["again"]
