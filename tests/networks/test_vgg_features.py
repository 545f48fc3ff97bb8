import hashlib
import math
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from biasgan.io.weight_files import FILES
from biasgan.networks import vgg_features
from biasgan.networks.vgg_features import VGG19_LAYERS, VGGFeatures, features_in_words, layers_of

FETCH_COMMAND = "biasgan weights fetch vgg19"
PERCEPTUAL_LAYERS = {"conv1_2": 2, "conv2_2": 7, "conv3_4": 16, "conv4_4": 25, "conv5_4": 34}


class Bomb:
    """Creates a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def shallow_state() -> dict[str, Tensor]:
    """Torchvision's names for conv1_1 and conv1_2."""
    generator = torch.Generator().manual_seed(1)
    return {
        "features.0.weight": torch.randn(64, 3, 3, 3, generator=generator),
        "features.0.bias": torch.randn(64, generator=generator),
        "features.2.weight": torch.randn(64, 64, 3, 3, generator=generator),
        "features.2.bias": torch.randn(64, generator=generator),
    }


@pytest.fixture(scope="module")
def reference() -> nn.Sequential:
    """The features of torchvision's VGG-19 with random weights; its large classifier is never given memory."""
    with torch.device("meta"):
        model = torchvision.models.vgg19(weights=None)
    features = model.features.to_empty(device="cpu").eval()
    assert isinstance(features, nn.Sequential)
    generator = torch.Generator().manual_seed(0)
    for parameter in features.parameters():
        scale = math.sqrt(2 / parameter[0].numel()) if parameter.ndim == 4 else 0.1
        nn.init.normal_(parameter, std=scale, generator=generator)
    return features


@pytest.fixture(scope="module", params=[".pth", ".safetensors"])
def reference_file(
    request: pytest.FixtureRequest, reference: nn.Sequential, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    state = {f"features.{name}": tensor for name, tensor in reference.state_dict().items()}
    path = tmp_path_factory.mktemp("weights") / f"vgg19{request.param}"
    if request.param == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    yield path
    path.unlink()


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torchvision would cache its weights, an empty folder of this test."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    path = tmp_path / "torch" / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"
    path.parent.mkdir(parents=True)
    return path


def test_names_and_indices_are_torchvisions(reference: nn.Sequential) -> None:
    convolutions = [index for index, layer in enumerate(reference) if isinstance(layer, nn.Conv2d)]
    assert list(VGG19_LAYERS.values()) == convolutions
    names = [f"conv{block}_{conv}" for block, convs in enumerate((2, 2, 4, 4, 4), 1) for conv in range(1, convs + 1)]
    assert list(VGG19_LAYERS) == names
    assert PERCEPTUAL_LAYERS.items() <= VGG19_LAYERS.items()


@pytest.mark.parametrize("layers", [list(PERCEPTUAL_LAYERS), list(VGG19_LAYERS)], ids=["perceptual", "all"])
@torch.no_grad()
def test_features_are_torchvisions_before_the_relu(
    reference: nn.Sequential, reference_file: Path, layers: list[str]
) -> None:
    image = torch.rand(2, 3, 35, 48)
    features = VGGFeatures(layers, str(reference_file))(image)
    assert list(features) == layers
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (image - mean[:, None, None]) / std[:, None, None]
    names = {index: name for name, index in VGG19_LAYERS.items()}
    for index, layer in enumerate(reference):
        x = layer(x.clone())
        if names.get(index) in layers:
            torch.testing.assert_close(features[names[index]], x)


def test_name_of_a_file_carries_its_digest(reference_file: Path) -> None:
    digest = hashlib.sha256(reference_file.read_bytes()).hexdigest()[:8]
    assert VGGFeatures(["conv1_1"], str(reference_file)).weights_name == f"{reference_file.name} {digest}"


def test_shallow_file_serves_shallow_layers(tmp_path: Path) -> None:
    path = tmp_path / "shallow.safetensors"
    save_file(shallow_state(), path)
    features = VGGFeatures(["conv1_2"], str(path))
    assert torch.equal(features.state_dict()["features.2.weight"], shallow_state()["features.2.weight"])


def test_missing_layers_are_named(tmp_path: Path) -> None:
    path = tmp_path / "shallow.safetensors"
    save_file(shallow_state(), path)
    text = r"shallow.safetensors has no weights for the VGG-19 layers conv2_1, conv2_2, conv3_1; ask for shallower"
    with pytest.raises(ValueError, match=text):
        VGGFeatures(["conv1_1", "conv3_1"], str(path))


def test_layer_without_its_bias_is_missing(tmp_path: Path) -> None:
    state = shallow_state()
    del state["features.0.bias"]
    save_file(state, tmp_path / "half.safetensors")
    with pytest.raises(ValueError, match="no weights for the VGG-19 layers conv1_1;"):
        VGGFeatures(["conv1_2"], str(tmp_path / "half.safetensors"))


def test_unsafe_file_is_refused_and_not_run(tmp_path: Path) -> None:
    path = tmp_path / "unsafe.pth"
    torch.save(shallow_state() | {"bomb": Bomb(tmp_path / "exploded")}, path)
    with pytest.raises(ValueError, match=r"unsafe\.pth was refused: it is damaged or holds more than tensors"):
        VGGFeatures(["conv1_1"], str(path))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["damaged.pth", "damaged.safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no weights",
        b"hello world",
        pickle.dumps({"a": np.ones(3)}),
        b"PK\x03\x04" + bytes(100),
        b"\x80\x02" + bytes(9),
    ],
)
def test_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} was refused: it is damaged"):
        VGGFeatures(["conv1_1"], str(path))


def test_file_without_a_state_dict_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tensor.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(ValueError, match=r"tensor\.pth holds a Tensor instead of a state dict"):
        VGGFeatures(["conv1_1"], str(path))


def test_absent_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "absent.pth"
    with pytest.raises(FileNotFoundError) as caught:
        VGGFeatures(["conv1_1"], str(path))
    assert str(caught.value) == (
        f"no file of VGG-19 weights at {path}; give the path of one, or 'imagenet', 'random' or 'auto'"
    )


def test_absent_imagenet_weights_are_not_fetched_but_explained(cached: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        VGGFeatures(["conv1_1"], "imagenet")
    text = str(caught.value)
    assert str(cached) in text
    assert f"\n{FETCH_COMMAND}\n" in text
    assert "features.weights=PATH" in text
    assert "features.weights=random" in text
    assert not cached.exists()


@pytest.mark.parametrize("weights", ["imagenet", "auto"])
def test_damaged_imagenet_weights_are_refused(cached: Path, weights: str) -> None:
    torch.save(shallow_state(), cached)
    digest = hashlib.sha256(cached.read_bytes()).hexdigest()[:8]
    with pytest.raises(ValueError, match=f"starts with {digest} instead of dcbb9e9d; delete it") as caught:
        VGGFeatures(["conv1_1"], weights)
    assert FETCH_COMMAND in str(caught.value)


@pytest.mark.parametrize("weights", ["imagenet", "auto"])
def test_cached_imagenet_weights_are_used(cached: Path, monkeypatch: pytest.MonkeyPatch, weights: str) -> None:
    torch.save(shallow_state(), cached)
    monkeypatch.setattr(vgg_features, "sha256_of_file", lambda path: FILES["vgg19"].sha256)
    features = VGGFeatures(["conv1_1"], weights)
    assert features.weights_name == "imagenet"
    assert torch.equal(features.state_dict()["features.0.weight"], shallow_state()["features.0.weight"])


@pytest.mark.usefixtures("cached")
def test_auto_without_a_cache_is_random() -> None:
    auto, random = VGGFeatures(["conv1_2"], "auto"), VGGFeatures(["conv1_2"], "random")
    assert auto.weights_name == random.weights_name == "random"
    torch.testing.assert_close(auto.state_dict(), random.state_dict(), rtol=0, atol=0)


def test_random_weights_are_always_the_same_ones_at_every_depth() -> None:
    torch.manual_seed(1)
    shallow = VGGFeatures(["conv2_1"]).state_dict()
    torch.manual_seed(2)
    deep = VGGFeatures(["conv1_1", "conv2_2"]).state_dict()
    assert shallow.keys() < deep.keys()
    assert all(torch.equal(deep[name], tensor) for name, tensor in shallow.items())


@torch.no_grad()
def test_random_weights_keep_the_scale_of_activations() -> None:
    features = VGGFeatures(list(VGG19_LAYERS))(torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(0)))
    for layer, values in features.items():
        assert 1 < values.std().item() < 5, layer


@pytest.mark.parametrize("weights", ["random", "file"])
def test_building_leaves_the_global_random_state_alone(tmp_path: Path, weights: str) -> None:
    torch.save(shallow_state(), tmp_path / "file")
    before = torch.get_rng_state()
    VGGFeatures(["conv1_2"], "random" if weights == "random" else str(tmp_path / "file"))
    assert torch.equal(torch.get_rng_state(), before)


def test_frozen_in_eval_mode_but_open_to_the_image() -> None:
    features = VGGFeatures(["conv1_1", "conv2_1"])
    nn.ModuleList([features]).train()
    assert not any(module.training for module in features.modules())
    assert not any(parameter.requires_grad for parameter in features.parameters())
    image = torch.rand(1, 3, 8, 8, requires_grad=True)
    torch.stack([values.square().mean() for values in features(image).values()]).sum().backward()
    assert image.grad is not None
    assert image.grad.abs().max() > 0


def test_no_deeper_than_asked_and_shallowest_first() -> None:
    features = VGGFeatures(["conv2_2", "conv1_1"])
    assert len(features.features) == VGG19_LAYERS["conv2_2"] + 1
    assert list(features(torch.rand(1, 3, 8, 8))) == ["conv1_1", "conv2_2"]


def test_channels_last_and_bfloat16_give_nearly_the_same() -> None:
    features = VGGFeatures(["conv2_2"])
    image = torch.rand(1, 3, 16, 16)
    expected = features(image)["conv2_2"]
    features.to(memory_format=torch.channels_last)
    image = image.contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(features(image)["conv2_2"], expected)
    with torch.autocast("cpu", torch.bfloat16):
        halved = features(image)["conv2_2"]
    assert halved.dtype == torch.bfloat16
    assert (halved.float() - expected).std() < 0.02 * expected.std()


def test_unknown_layers_are_named_with_the_valid_ones() -> None:
    text = r"unknown VGG-19 layers conv3_5, relu1_1; valid are conv1_1, conv1_2, .*, conv5_4$"
    with pytest.raises(ValueError, match=text):
        VGGFeatures(["conv3_5", "conv1_1", "relu1_1"])


def test_no_layers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no VGG-19 layer to take features from; name one or more of conv1_1, .*"):
        VGGFeatures([])


def test_vgg16_is_torchvisions_too(tmp_path: Path) -> None:
    with torch.device("meta"):
        reference = torchvision.models.vgg16(weights=None).features
    assert isinstance(reference, nn.Sequential)
    assert list(layers_of("vgg16").values()) == [n for n, layer in enumerate(reference) if isinstance(layer, nn.Conv2d)]
    reference = reference[:18].to_empty(device="cpu").eval()
    for parameter in reference.parameters():
        nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(0))
    path = tmp_path / "vgg16.safetensors"
    save_file({f"features.{name}": tensor for name, tensor in reference.state_dict().items()}, path)
    network = VGGFeatures(["conv3_3", "conv4_1"], str(path), "vgg16")
    image = torch.rand(1, 3, 32, 32)
    features = network(image)
    normalised = (image - network.mean) / network.std
    torch.testing.assert_close(features["conv3_3"], reference[:15](normalised))
    torch.testing.assert_close(features["conv4_1"], reference(normalised))
    assert network.weights_name.startswith("vgg16 vgg16.safetensors ")
    assert features_in_words(network.weights_name) == f"VGG-16 with {network.weights_name[6:]} weights"
    with pytest.raises(ValueError, match="has no weights for the VGG-19 layers conv3_4, conv4_1"):
        VGGFeatures(["conv4_1"], str(path))


def test_networks_and_their_layers_are_named_where_they_are_wrong() -> None:
    with pytest.raises(ValueError, match="unknown VGG-16 layers conv3_4; valid are conv1_1, conv1_2"):
        VGGFeatures(["conv3_4"], network="vgg16")
    with pytest.raises(ValueError, match=r"features\.network must be vgg19 or vgg16; got vgg11"):
        VGGFeatures(["conv1_1"], network="vgg11")  # pyright: ignore[reportArgumentType]


def test_described_names_the_network() -> None:
    assert features_in_words("random") == "VGG-19 with random weights"
    assert features_in_words("vgg16 random") == "VGG-16 with random weights"
