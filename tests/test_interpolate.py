import hashlib
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from spandrel import ModelLoader

from biasgan import interpolate
from biasgan.inference.interpolation import interpolate as mixed
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.dncnn import DnCNN
from biasgan.runs.weights import load_generator, read_config, write_weights

from .conftest import Command, Finished


@pytest.fixture
def mixing(command: Command) -> Command:
    """Runs the mixing command in an empty folder."""
    return partial(command, main=interpolate.main)


@pytest.fixture
def parents(tmp_path: Path) -> tuple[str, str]:
    """Two weight files of one architecture."""
    torch.manual_seed(0)
    for name in ("a", "b"):
        node = {"_target_": "biasgan.networks.compact.SRVGGNetCompact", "channels": 4, "convolutions": 1}
        write_weights(SRVGGNetCompact(4, 1), {"generator": node, "of": name}, tmp_path / f"{name}.safetensors")
    return str(tmp_path / "a.safetensors"), str(tmp_path / "b.safetensors")


def test_equals_the_computation_by_hand() -> None:
    a = {"weight": torch.tensor([1.0, -2.0, 0.0]), "steps": torch.tensor(7)}
    b = {"weight": torch.tensor([2.0, 2.0, 0.5]), "steps": torch.tensor(7)}
    mixture = mixed(a, b, 0.25)
    assert mixture["weight"].tolist() == [1.25, -1.0, 0.125]
    assert mixture["steps"].item() == 7
    assert list(mixture) == list(b)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_ends_are_the_parents_bit_for_bit(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b = ({"weight": (torch.randn(1000) * 10 ** torch.randn(1000)).to(dtype)} for _ in range(2))
    assert torch.equal(mixed(a, b, 0)["weight"], a["weight"])
    assert torch.equal(mixed(a, b, 1)["weight"], b["weight"])
    assert not torch.equal(mixed(a, b, 0.5)["weight"], a["weight"])


@pytest.mark.parametrize("weight", [-0.01, 1.01, float("nan"), float("inf")])
def test_weights_outside_are_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight is that of b and must be from 0, which gives a, to 1, which gives b"):
        mixed({}, {}, weight)


def test_the_first_differences_are_named() -> None:
    a = {f"layer{number}": torch.zeros(2) for number in range(7)} | {"same": torch.zeros(1)}
    b = {"layer0": torch.zeros(3), "layer1": torch.zeros(2, dtype=torch.half), "same": torch.zeros(1)}
    with pytest.raises(ValueError, match="architectures") as caught:
        mixed(a, b, 0.5)
    assert str(caught.value).splitlines() == [
        "a and b are of different architectures: 7 of 8 tensors differ, first",
        "  layer0: a has (2,) float32, b (3,) float32",
        "  layer1: a has (2,) float32, b (2,) float16",
        *(f"  layer{number}: a has (2,) float32, b none" for number in (2, 3, 4)),
        "Only two generators of one architecture and size can be mixed.",
    ]


def test_whole_numbers_must_be_equal_except_counts_of_batches() -> None:
    a, b = ({"steps": torch.tensor(number)} for number in (1, 2))
    with pytest.raises(ValueError, match="steps is of whole numbers, which cannot be mixed"):
        mixed(a, b, 0.5)
    a, b = (DnCNN(4, 1, batch_norm=True).state_dict() for _ in range(2))
    b["layers.3.num_batches_tracked"] += 5
    assert mixed(a, b, 0.5)["layers.3.num_batches_tracked"] == 5


def test_the_mixture_lies_between_and_says_what_it_is_of(
    mixing: Command, parents: tuple[str, str], tmp_path: Path
) -> None:
    done = mixing(*parents, "--weight", "0.8")
    assert done == (0, "mixed-0.8.safetensors\nmixed-0.8.safetensors.md\n", "")
    a, b, mixture = (load_file(path) for path in (*parents, tmp_path / "mixed-0.8.safetensors"))
    for name, tensor in mixture.items():
        torch.testing.assert_close(tensor, 0.2 * a[name] + 0.8 * b[name])
    config = read_config(tmp_path / "mixed-0.8.safetensors")
    hashes = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in parents]
    assert config["of"] == "b"
    assert config["interpolated"] == {
        "a": {"name": "a.safetensors", "sha256": hashes[0]},
        "b": {"name": "b.safetensors", "sha256": hashes[1]},
        "weight": 0.8,
    }
    card = (tmp_path / "mixed-0.8.safetensors.md").read_text()
    assert "a + 0.8 · (b - a)" in card
    assert f"| a | a.safetensors | `{hashes[0]}` |" in card
    opened = ModelLoader(device="cpu").load_from_file(tmp_path / "mixed-0.8.safetensors")
    image = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        assert torch.equal(opened.model.eval()(image), load_generator(tmp_path / "mixed-0.8.safetensors")(image))


@pytest.mark.parametrize(("weight", "parent"), [("0", 0), ("1", 1)])
def test_the_ends_of_the_command_are_the_parents(
    mixing: Command, parents: tuple[str, str], tmp_path: Path, weight: str, parent: int
) -> None:
    assert mixing(*parents, "--weight", weight, "--out", "end.safetensors").status == 0
    expected, end = load_file(parents[parent]), load_file(tmp_path / "end.safetensors")
    assert all(torch.equal(end[name], tensor) for name, tensor in expected.items())


def test_runs_can_be_mixed_and_words(mixing: Command, finished: Finished, tmp_path: Path) -> None:
    assert (
        mixing(str(finished.folder / "checkpoints" / "last.ckpt"), str(finished.folder), "--weight", "0.5").status == 0
    )
    image = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        restored = load_generator(tmp_path / "mixed-0.5.safetensors")(image)
        assert torch.equal(restored, load_generator(finished.folder)(image))
    assert "| codec | jpeg |" in (tmp_path / "mixed-0.5.safetensors.md").read_text()
    assert mixing("bundled-pixel", "bundled", "--weight", "1", "--out", "it.safetensors").status == 0
    expected = load_generator("bundled").state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in load_file(tmp_path / "it.safetensors").items())


def test_what_is_wrong_is_said_and_nothing_is_left(
    mixing: Command, parents: tuple[str, str], finished: Finished, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for arguments, text in (
        ((*parents, "--weight", "1", "--out", "it.pth"), "--out it.pth: the mixture is written as safetensors"),
        ((*parents, "--weight", "1", "--out", "a.safetensors"), "a.safetensors is there already."),
        ((parents[0], str(finished.folder), "--weight", "1"), "a and b are of different architectures"),
        ((parents[0], "missing", "--weight", "1"), "missing: expected a run folder"),
    ):
        done = mixing(*arguments)
        assert done.status == 1
        assert done.err.strip().startswith(f"error: {text}")
    for arguments, text in (
        ((*parents,), "the following arguments are required: --weight"),
        ((parents[0], "--weight", "1"), "the following arguments are required: B"),
        ((*parents, "--weight", "half"), "argument --weight: invalid share value: 'half'"),
        ((*parents, "--weight", "1.5"), "argument --weight: must be from 0 to 1; got 1.5"),
        (("a", "b", "weight=1"), "write: biasgan interpolate a b --weight 1"),
    ):
        done = mixing(*arguments)
        assert done.status == 2
        assert done.err.endswith(f"{text}\n")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert mixing(*parents, "--weight", "1", "--out", "a.safetensors", "--overwrite").status == 0


def test_help(mixing: Command) -> None:
    done = mixing("--help")
    assert done.status == 0
    assert "bundled-pixel bundled --weight 0.8" in done.out
