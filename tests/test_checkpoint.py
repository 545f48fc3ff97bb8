import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from biasgan.checkpoint import (
    CheckpointError,
    generator_file,
    load_generator,
    load_weights,
    read_checkpoint,
    read_config,
    read_generator,
    write_weights,
)
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.compact import SRVGGNetCompact

from .conftest import Finished

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


@pytest.mark.parametrize(
    "wrap",
    [lambda w: {"params_ema": w, "params": {}}, lambda w: {"params": w}, lambda w: w],
    ids=["params_ema", "params", "bare"],
)
def test_published_weights_can_be_read(tmp_path: Path, wrap: Callable[[Bare], object]) -> None:
    network = ARCNN()
    torch.save(wrap(network.state_dict()), tmp_path / "weights.pth")
    other = ARCNN()
    load_weights(other, read_generator(tmp_path / "weights.pth"), tmp_path / "weights.pth")
    assert_same(other.state_dict(), network.state_dict())


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
        "Choose the generator (and its sizes, see scale) that the weights were made with.",
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


@pytest.mark.parametrize("save", [torch.save, lambda made, path: path.write_bytes(pickle.dumps(made, protocol=2))])
@pytest.mark.parametrize("read", [read_checkpoint, read_generator, read_config, load_generator])
def test_code_in_a_file_is_not_executed(
    tmp_path: Path, save: Callable[[object, Path], object], read: Callable[[Path], object]
) -> None:
    path = tmp_path / "hostile.ckpt"
    save({"state_dict": {}, "config": Hostile(tmp_path / "executed")}, path)
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


def test_a_file_without_a_dict_is_refused(tmp_path: Path) -> None:
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="expected a dict of tensors or of a checkpoint, got list"):
        read_checkpoint(tmp_path / "list.pth")


def test_weights_without_a_configuration_cannot_say_their_network(tmp_path: Path) -> None:
    torch.save(ARCNN().state_dict(), tmp_path / "bare.pth")
    save_file(ARCNN().state_dict(), tmp_path / "bare.safetensors")
    for name in ("bare.pth", "bare.safetensors"):
        with pytest.raises(CheckpointError, match=f"{name} carries no configuration"):
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
