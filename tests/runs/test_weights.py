import json
import os
import pickle
import re
import shutil
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from biasgan.networks.arcnn import ARCNN
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.spandrel_model import SpandrelModel
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.runs.weights import (
    CheckpointError,
    Found,
    discriminator_file,
    find_discriminator,
    find_generator,
    generator_file,
    load_discriminator,
    load_generator,
    load_weights,
    read_checkpoint,
    read_config,
    read_generator,
    recognise_generator,
    write_weights,
)

from ..conftest import Finished

Bare = dict[str, Tensor]


def assert_same(one: Bare, other: Bare) -> None:
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", ["", "generator.safetensors", "checkpoints/last.ckpt"])
def test_a_generator_comes_with_its_averaged_weights(finished: Finished, name: str) -> None:
    generator = load_generator(finished.folder / name)
    assert isinstance(generator, SRVGGNetCompact)
    assert not generator.training
    average = torch.load(finished.folder / "checkpoints" / "last.ckpt")["callbacks"]["EMA"]
    assert_same(dict(generator.named_parameters()), average)
    assert generator(torch.rand(1, 3, 9, 7)).shape == (1, 3, 9, 7)


def test_a_path_may_be_a_string(finished: Finished) -> None:
    assert isinstance(load_generator(str(finished.folder)), SRVGGNetCompact)


def test_without_an_export_the_last_checkpoint_serves(finished: Finished, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(finished.folder / "checkpoints" / "last.ckpt", tmp_path / "checkpoints")
    assert generator_file(tmp_path).name == "last.ckpt"
    exported = load_file(finished.folder / "generator.safetensors")
    assert_same(load_generator(tmp_path).state_dict(), exported)


def test_a_checkpoint_without_averages_gives_the_trained_weights(finished: Finished, tmp_path: Path) -> None:
    content = torch.load(finished.folder / "checkpoints" / "last.ckpt")
    del content["callbacks"]["EMA"]
    torch.save(content, tmp_path / "last.ckpt")
    state = {k.removeprefix("generator."): v for k, v in content["state_dict"].items() if k.startswith("generator.")}
    assert_same(dict(read_generator(tmp_path / "last.ckpt")), state)


FORMS: dict[str, Callable[[Bare], object]] = {
    "params_ema": lambda w: {"params_ema": w, "params": {}, "iter": 5},
    "params": lambda w: {"params": w},
    "state_dict": lambda w: {"state_dict": w, "epoch": 3},
    "bare": lambda w: w,
}


@pytest.mark.parametrize("several_gpus", [False, True])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("find", [find_generator, find_discriminator])
def test_published_weights_can_be_read(
    tmp_path: Path, form: str, several_gpus: bool, find: Callable[[Path], Found]
) -> None:
    path = tmp_path / "weights.pth"
    network = ARCNN()
    state = network.state_dict()
    torch.save(FORMS[form]({f"module.{name}": t for name, t in state.items()} if several_gpus else state), path)
    other = ARCNN()
    load_weights(other, *find(path))
    assert_same(other.state_dict(), state)
    assert find(path).place == (str(path) if form == "bare" else f"{path} ({form})")


def test_weights_of_either_network_come_from_all_that_a_run_leaves(finished: Finished, tmp_path: Path) -> None:
    checkpoint = finished.folder / "checkpoints" / "last.ckpt"
    for name, find, mark in (("generator", find_generator, " (averaged)"), ("discriminator", find_discriminator, "")):
        exported = finished.folder / f"{name}.safetensors"
        for given in (finished.folder, exported, str(exported)):
            found = find(given)
            assert_same(dict(found.weights), load_file(exported))
            assert found.place == str(exported)
        found = find(checkpoint)
        assert_same(dict(found.weights), load_file(exported))
        assert found.place == f"{checkpoint}{mark}"


def test_a_training_without_a_discriminator_has_none_to_give(tmp_path: Path) -> None:
    torch.save({"state_dict": {"generator.weight": torch.zeros(2)}}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"last\.ckpt is of a training without a discriminator"):
        find_discriminator(tmp_path / "last.ckpt")


OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1.0}]}


@pytest.mark.parametrize("content", [{}, {"epoch": 3, "params": {"a": [1.0]}}, OPTIMIZER])
def test_a_file_without_weights_says_what_it_has(tmp_path: Path, content: dict[str, object]) -> None:
    torch.save(content, tmp_path / "some.pth")
    with pytest.raises(CheckpointError, match=r"some\.pth holds no weights: expected tensors by name") as caught:
        read_generator(tmp_path / "some.pth")
    assert str(caught.value).endswith(f"got {', '.join(content) or 'nothing'}.")


def test_the_package_brings_weights_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("bundled", "bundled-pixel"):
        generator = load_generator(word)
        assert isinstance(generator, SRVGGNetCompact)
        assert generator(torch.rand(1, 3, 9, 7)).shape == (1, 3, 9, 7)
        assert find_generator(word).place == word
    config = read_config(generator_file("bundled"))
    discriminator = instantiate(config["discriminator"])
    assert isinstance(discriminator, UNetDiscriminator)
    load_weights(discriminator, *find_discriminator("bundled"))
    names = [generator_file("bundled"), generator_file("bundled-pixel"), discriminator_file("bundled")]
    assert [file.name for file in names] == [
        "generator.safetensors", "generator-pixel.safetensors", "discriminator.safetensors",
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="a weight file, hf:USER/NAME, or bundled;"):
        discriminator_file("bundled-pixel")
    save_file({"a": torch.ones(1)}, "bundled")
    assert generator_file("bundled") != generator_file("./bundled") == Path("bundled")


class Called(nn.Module):
    """A network that can be imported and notes that it was made."""

    made: ClassVar[list[object]] = []

    def __init__(self, **arguments: object) -> None:
        super().__init__()
        self.made.append(arguments)


MKDIR = {"_target_": "os.mkdir", "path": "made"}


@pytest.mark.parametrize(
    ("node", "target"),
    [
        (MKDIR, "os.mkdir"),
        ({"_target_": "pathlib.Path"}, "pathlib.Path"),
        ({"_target_": f"{__name__}.Called", "a": MKDIR}, "os.mkdir"),
        ({"_target_": f"{__name__}.Called", "a": [[MKDIR]]}, "os.mkdir"),
        ({"_target_": f"{__name__}.Called", "a": ((MKDIR,),)}, "os.mkdir"),
        ({"_target_": "missing_package.Network"}, "missing_package.Network"),
    ],
)
def test_a_configuration_calls_nothing_but_networks(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    node: dict[str, object],
    target: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_weights(ARCNN(), {"generator": node}, Path("hostile.safetensors"))
    # Here tuples stay what they are.
    torch.save({"config": {"generator": node}, "params": ARCNN().state_dict()}, "hostile.ckpt")
    for name in ("hostile.safetensors", "hostile.ckpt"):
        with pytest.raises(CheckpointError, match=rf"{name} has a network made by {re.escape(target)}"):
            load_generator(name)
    assert not Path("made").exists()
    assert not Called.made
    assert not caplog.records


def test_a_network_of_somebody_elses_can_be_loaded(tmp_path: Path) -> None:
    node = {"_target_": "torch.nn.Conv2d", "in_channels": 3, "out_channels": 3, "kernel_size": 1}
    network = nn.Conv2d(3, 3, 1)
    write_weights(network, {"generator": node}, tmp_path / "own.safetensors")
    assert_same(load_generator(tmp_path / "own.safetensors").state_dict(), network.state_dict())


def test_a_published_generator_is_recognised(tmp_path: Path) -> None:
    network = SRVGGNetCompact(channels=8, convolutions=2).eval()
    state = network.state_dict()
    image = torch.rand(1, 3, 9, 7)
    torch.save({"params_ema": state}, tmp_path / "some.pth")
    save_file(state, tmp_path / "some.safetensors")
    for name in ("some.pth", "some.safetensors"):
        generator = load_generator(tmp_path / name)
        assert isinstance(generator, SpandrelModel)
        assert not generator.training
        torch.testing.assert_close(generator(image), network(image))
        assert_same(generator.state_dict(), state)


def test_the_first_differences_are_named_and_nothing_is_loaded() -> None:
    network = SRVGGNetCompact(channels=4, convolutions=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    weights = {**before, "body.0.bias": torch.zeros(5), "extra": torch.zeros(2)}
    del weights["body.4.bias"]
    with pytest.raises(CheckpointError) as caught:
        load_weights(network, weights, Path("some.pth"))
    assert str(caught.value).splitlines() == [
        "some.pth is of another architecture than this SRVGGNetCompact: 3 of 9 tensors differ, first",
        "  body.0.bias: expected (4,), got (5,)",
        "  body.4.bias: expected (3,), got none",
        "  extra: expected none, got (2,)",
        "Choose the network (and its sizes, see scale) that the weights were made with.",
    ]
    assert_same(network.state_dict(), before)


def test_at_most_five_differences_are_listed() -> None:
    with pytest.raises(CheckpointError, match="8 of 8 tensors") as caught:
        load_weights(SRVGGNetCompact(channels=4, convolutions=1), {}, Path("some.pth"))
    assert len(str(caught.value).splitlines()) == 7


class Hostile:
    """What a pickle can do when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("in_config", [True, False])
@pytest.mark.parametrize("save", [torch.save, lambda made, path: path.write_bytes(pickle.dumps(made, protocol=2))])
@pytest.mark.parametrize(
    "read", [read_checkpoint, read_generator, find_discriminator, read_config, load_generator, recognise_generator]
)
def test_code_in_a_file_is_not_executed(
    tmp_path: Path, save: Callable[[object, Path], object], read: Callable[[Path], object], in_config: bool
) -> None:
    path = tmp_path / "hostile.ckpt"
    hostile = Hostile(tmp_path / "executed")
    save({"state_dict": {}, "config": hostile} if in_config else {"params": {"weight": hostile}}, path)
    with pytest.raises(CheckpointError, match=r"hostile\.ckpt is no readable checkpoint"):
        read(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["checkpoints/last.ckpt", "generator.safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("read", [read_generator, read_config, load_generator])
def test_truncated_files_are_named(
    finished: Finished, tmp_path: Path, name: str, share: float, read: Callable[[Path], object]
) -> None:
    whole = (finished.folder / name).read_bytes()
    path = tmp_path / Path(name).name
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=f"{path.name} is no readable"):
        read(path)


@pytest.mark.parametrize("content", [b"no weights at all", b"\x80\x02garbage", b"PK\x03\x04 no archive", bytes(100)])
def test_files_of_other_kinds_are_named(tmp_path: Path, content: bytes) -> None:
    for path in (tmp_path / "some.pth", tmp_path / "some.safetensors"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=f"{path.name} is no readable"):
            read_generator(path)


@pytest.mark.parametrize("archive", [True, False])
def test_python_objects_beside_weights_are_named(tmp_path: Path, archive: bool) -> None:
    path = tmp_path / "some.pth"
    content = {"state_dict": ARCNN().state_dict(), "options": Namespace(lr=1e-4)}
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    with pytest.raises(CheckpointError) as caught:
        read_generator(path)
    assert str(caught.value) == (
        f"{path} is no readable checkpoint: beside weights it holds Python objects (argparse.Namespace), and to read "
        "those could run code; where you trust it, save its weights alone, such as by "
        f"torch.save(torch.load({str(path)!r}, weights_only=False)['state_dict'], 'weights.pth')."
    )


class Net(nn.Module):
    """A network of somebody's."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1)


def pickled(protocol: int) -> Callable[[object, Path], object]:
    return lambda content, path: path.write_bytes(pickle.dumps(content, protocol=protocol))


ARRAYS = {"a": np.ones((2, 2)), "b": np.ones(3)}
OBJECTS: dict[str, tuple[object, Callable[[object, Path], object], str, str]] = {
    "network": (
        Net(),
        torch.save,
        "Net, torch.nn.modules.conv.Conv2d",
        "torch.load(PATH, weights_only=False).state_dict()",
    ),
    "network inside": (
        {"model": Net()},
        torch.save,
        "Conv2d",
        "torch.load(PATH, weights_only=False)[KEY].state_dict(), 'weights.pth'), where",
    ),
    "arrays": (
        ARRAYS,
        torch.save,
        "numpy.",
        "torch.as_tensor(array) for name, array in torch.load(PATH, weights_only=False).items()}",
    ),
    "pickle": (ARRAYS, pickled(4), "numpy.", "for name, array in pickle.load(open(PATH, 'rb')).items()}"),
    "old pickle": (ARRAYS, pickled(2), "numpy.", "for name, array in pickle.load(open(PATH, 'rb')).items()}"),
    "tensors": (Net().state_dict(), pickled(4), "torch.storage.", "torch.save(pickle.load(open(PATH, 'rb')), 'wei"),
    "number beside": (
        {"state_dict": Net().state_dict(), "best": np.float64(3)},
        torch.save,
        "numpy.",
        "['state_dict']",
    ),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_advice_is_by_what_a_file_holds(tmp_path: Path, case: str) -> None:
    content, save, named, advice = OBJECTS[case]
    path = str(tmp_path / "some.pth")
    save(content, Path(path))
    for read in (load_generator, read_config):
        with pytest.raises(CheckpointError) as caught:
            read(Path(path))
        said = str(caught.value)
        assert said.startswith(f"{path} is no readable checkpoint: beside weights it holds Python objects (")
        assert named in said
        assert advice.replace("PATH", repr(path)) in said
        assert "Weights only" not in said


def test_text_of_no_kind_is_shown(tmp_path: Path) -> None:
    (tmp_path / "some.pth").write_text("hello world")
    with pytest.raises(CheckpointError) as caught:
        load_generator(tmp_path / "some.pth")
    assert str(caught.value) == (
        f"{tmp_path / 'some.pth'} is no readable checkpoint: it is none of torch.save, or damaged; it begins with "
        "'hello world'."
    )
    (tmp_path / "some.safetensors").write_text("hello world")
    with pytest.raises(CheckpointError, match=r"file: it is none, or damaged; it begins with 'hello world'\.$"):
        load_generator(tmp_path / "some.safetensors")
    (tmp_path / "some.pth").write_bytes(pickle.dumps({"a": [1.0]}))
    with pytest.raises(CheckpointError, match=r"it is a pickle that torch\.save has not written"):
        load_generator(tmp_path / "some.pth")


@pytest.mark.parametrize("config", ["[1]", '"x"', "{bad", "3", "[" * 100_000])
def test_metadata_that_are_no_configuration_are_none(tmp_path: Path, config: str) -> None:
    network = SRVGGNetCompact(channels=8, convolutions=2)
    save_file(network.state_dict(), tmp_path / "some.safetensors", {"config": config})
    assert_same(load_generator(tmp_path / "some.safetensors").state_dict(), network.state_dict())
    with pytest.raises(CheckpointError, match=r"some\.safetensors carries no configuration"):
        read_config(tmp_path / "some.safetensors")


def test_a_file_is_read_by_its_content(tmp_path: Path) -> None:
    for archive in (True, False):
        torch.save(ARCNN().state_dict(), tmp_path / "a.safetensors", _use_new_zipfile_serialization=archive)
        assert read_generator(tmp_path / "a.safetensors").keys() == ARCNN().state_dict().keys()


def test_networks_that_cannot_be_built_are_said(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    for more, words in (({"bogus": 1}, "cannot be built: .*bogus"), ({"_partial_": True}, "no network, but makes a")):
        write_weights(ARCNN(), {"generator": {"_target_": "biasgan.networks.arcnn.ARCNN", **more}}, path)
        with pytest.raises(CheckpointError, match=rf"some\.safetensors describes .*{words}"):
            load_generator(path)


def test_a_wrapped_generator_is_recognised(tmp_path: Path) -> None:
    network = SRVGGNetCompact(channels=8, convolutions=2)
    state = network.state_dict()
    wrapped = {f"net_g.module._orig_mod.{name}": tensor for name, tensor in state.items()}
    torch.save({"state_dict": {**wrapped, "net_d.weight": torch.zeros(3)}}, tmp_path / "wrapped.ckpt")
    save_file(state, tmp_path / "UPPER.SAFETENSORS")
    for name in ("wrapped.ckpt", "UPPER.SAFETENSORS"):
        assert_same(load_generator(tmp_path / name).state_dict(), state)
        other = SRVGGNetCompact(channels=8, convolutions=2)
        load_weights(other, *find_generator(tmp_path / name))
        assert_same(other.state_dict(), state)


def test_what_is_no_file_of_weights_is_said(tmp_path: Path) -> None:
    for name in ("page.pth", "page.safetensors"):
        (tmp_path / name).write_text("<!DOCTYPE html>")
        for read in (read_generator, load_generator):
            with pytest.raises(CheckpointError, match=rf"{name} is no readable .*: it is a web page; fetch the file"):
                read(tmp_path / name)


def test_a_configuration_of_somebody_elses_is_none(tmp_path: Path) -> None:
    state = SRVGGNetCompact(channels=8, convolutions=2).state_dict()
    torch.save({"config": {"generator": "compact"}, "model": state}, tmp_path / "some.pth")
    assert_same(load_generator(tmp_path / "some.pth").state_dict(), state)


def test_paths_that_are_no_utf8_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.pth")
    with path.open("wb") as file:
        torch.save({"params": ARCNN().state_dict()}, file)
    assert read_generator(path).keys() == ARCNN().state_dict().keys()


def test_a_file_without_a_dict_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="expected a dict of tensors or of a checkpoint, got list"):
        read_checkpoint(tmp_path / "list.pth")


def test_weights_without_a_configuration_cannot_say_their_network(tmp_path: Path) -> None:
    torch.save(ARCNN().state_dict(), tmp_path / "bare.pth")
    save_file(ARCNN().state_dict(), tmp_path / "bare.safetensors")
    for name in ("bare.pth", "bare.safetensors"):
        with pytest.raises(CheckpointError, match=f"{name} carries no configuration"):
            read_config(tmp_path / name)
        with pytest.raises(CheckpointError, match=f"{name}: weights without a configuration"):
            load_generator(tmp_path / name)


def test_missing_paths_say_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing: expected a run folder .* there is no such file or folder"):
        load_generator(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="this folder has neither"):
        load_generator(tmp_path)


def test_weights_are_written_whole_with_their_configuration(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    network = nn.Conv2d(2, 3, 1)
    network.weight.data = network.weight.data.to(memory_format=torch.channels_last)
    write_weights(network, {"generator": {"größe": 3}}, path)
    assert_same(load_file(path), network.state_dict())
    assert read_config(path) == {"generator": {"größe": 3}}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with pytest.raises(TypeError):
        write_weights(network, {"generator": json}, path)
    assert read_config(path) == {"generator": {"größe": 3}}


@pytest.mark.parametrize("name", ["", "discriminator.safetensors", "checkpoints/last.ckpt"])
def test_a_discriminator_comes_as_it_was_trained(finished: Finished, name: str) -> None:
    discriminator = load_discriminator(finished.folder / name)
    assert isinstance(discriminator, UNetDiscriminator)
    assert not discriminator.training
    assert_same(discriminator.state_dict(), load_file(finished.folder / "discriminator.safetensors"))
    assert discriminator(torch.rand(1, 6, 16, 8)).shape == (1, 1, 16, 8)


def test_what_is_no_discriminator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "some.safetensors"
    write_weights(ARCNN(), {"generator": {}, "discriminator": {}}, path)
    with pytest.raises(CheckpointError, match=r"some\.safetensors is of a training without a discriminator"):
        load_discriminator(path)
    write_weights(ARCNN(), {"discriminator": MKDIR}, path)
    with pytest.raises(CheckpointError, match=r"some\.safetensors has a network made by os\.mkdir"):
        load_discriminator(path)
    assert not Path("made").exists()
