from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Literal, Self, TypeAlias, cast

import torch
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from biasgan.io.checksums import sha256_of_file
from biasgan.io.weight_files import FILES, fetch_command
from biasgan.system.console import no_warnings

Features: TypeAlias = dict[str, Tensor]
"""Name of a layer → its features, (N, channels, height, width)."""

Network: TypeAlias = Literal["vgg19", "vgg16"]

CONVOLUTIONS: Mapping[Network, Sequence[int]] = {"vgg19": (2, 2, 4, 4, 4), "vgg16": (2, 2, 3, 3, 3)}
"""Of each network, how many come before each pooling."""


def layers_of(network: Network) -> dict[str, int]:
    """Name of each convolution, such as conv3_1 → its index in torchvision's `features` of the network."""
    named = [
        (f"conv{block}_{number}", number == count)
        for block, count in enumerate(CONVOLUTIONS[network], 1)
        for number in range(1, count + 1)
    ]
    # After each convolution comes a ReLU, and after the last of a block a pooling.
    steps = accumulate((3 if last else 2 for _, last in named[:-1]), initial=0)
    return dict(zip((name for name, _ in named), steps, strict=True))


VGG19_LAYERS = layers_of("vgg19")

_RANDOM_SEED = 19


class VGGFeatures(nn.Module):
    """Frozen features of VGG-19 or VGG-16 for perceptual losses, taken before the ReLU.

    Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015; before the
    ReLU as in ESRGAN. The network is only as deep as the deepest layer asked for, stays in eval mode and takes no
    gradient; gradients flow through it to the image. Building it leaves the global random state alone.

    Args:
        layers: Names such as "conv5_4", see `layers_of`; at least one.
        weights: "imagenet" for torchvision's weights, which must be in its cache, nothing is ever downloaded;
            "random" for seeded random weights that keep the scale of activations; "auto" for "imagenet" if cached,
            else "random"; or the path of a .pth or .safetensors file with torchvision's key names
            (features.0.weight …), which may stop at the deepest layer asked for.
        network: "vgg19", which the paper and its baselines have, or "vgg16".

    Attributes:
        weights_name: What is in use: "imagenet", "random", or the file's name and the first 8 digits of its SHA-256;
            after "vgg16 " if it is that.

    Shape:
        (N, 3, H, W) RGB in [0, 1], normalised inside → {layer: (N, channels, H / 2^pools, W / 2^pools)}, floored, in
        the data type that the convolutions give. H and W are at least 2^pools, 16 for conv5.

    Raises:
        ValueError: If the network is another, `layers` is empty or has an unknown name, or a weights file is unsafe,
            damaged, too shallow or of another network.
        FileNotFoundError: If the weights are not there.

    Examples:
        >>> import torch
        >>> from biasgan import VGGFeatures
        >>> features = VGGFeatures(["conv1_2", "conv3_4"], "random")(torch.rand(1, 3, 32, 32))
        >>> {layer: tuple(values.shape) for layer, values in features.items()}
        {'conv1_2': (1, 64, 32, 32), 'conv3_4': (1, 256, 8, 8)}
    """

    multiple_of: int = 1
    smallest_side: int = 1
    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str], weights: str = "random", network: Network = "vgg19") -> None:
        super().__init__()
        _check_names(layers, network)
        self.wanted = {layers_of(network)[name]: name for name in layers}
        self.features = _convolutions(self.wanted, layers_of(network))
        self.smallest_side = 2 ** sum(isinstance(layer, nn.MaxPool2d) for layer in self.features)
        self.weights_name = _load(self.features, weights, network)
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def forward(self, image: Tensor) -> Features:
        """Return the features of the layers asked for, shallowest first."""
        x = (image - self.mean) / self.std
        features: Features = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.wanted:
                features[self.wanted[index]] = x
        return features

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever is asked."""
        return super().train(False)


def features_in_words(weights_name: str) -> str:
    """What `VGGFeatures.weights_name` says, in words."""
    weights = weights_name.removeprefix("vgg16 ")
    return f"{_spelt('vgg19' if weights == weights_name else 'vgg16')} with {weights} weights"


def _check_names(layers: Sequence[str], network: Network) -> None:
    if network not in CONVOLUTIONS:
        raise ValueError(f"features.network must be {' or '.join(CONVOLUTIONS)}; got {network}")
    valid = ", ".join(layers_of(network))
    if not layers:
        raise ValueError(f"no {_spelt(network)} layer to take features from; name one or more of {valid}")
    unknown = [name for name in layers if name not in layers_of(network)]
    if unknown:
        raise ValueError(f"unknown {_spelt(network)} layers {', '.join(unknown)}; valid are {valid}")


def _spelt(network: Network) -> str:
    return network.upper().replace("VGG", "VGG-")


def _convolutions(wanted: Mapping[int, str], known: Mapping[str, int]) -> nn.Sequential:
    """Build the uninitialised layers up to the deepest wanted index, numbered as torchvision does."""
    indices = set(known.values())
    in_channels = 3
    layers = nn.Sequential()
    for index in range(max(wanted) + 1):
        if index in indices:
            width = min(64 * 2 ** sum(isinstance(layer, nn.MaxPool2d) for layer in layers), 512)
            layers.append(nn.Conv2d(in_channels, width, 3, padding=1, device="meta"))
            in_channels = width
        elif index - 1 in indices:
            # A ReLU in place would overwrite the features that are handed out.
            layers.append(nn.ReLU(inplace=index - 1 not in wanted))
        else:
            layers.append(nn.MaxPool2d(2))
    # Through the meta device no weights are drawn, so the global random state stays as it was.
    return layers.to_empty(device="cpu")


def _load(features: nn.Sequential, weights: str, network: Network) -> str:
    """Fill the layers as `weights` asks and return the name of what was used."""
    prefix = "" if network == "vgg19" else f"{network} "
    published = FILES[network]
    imagenet = published.path
    if weights == "random" or (weights == "auto" and not imagenet.is_file()):
        _randomise(features)
        return f"{prefix}random"
    path = imagenet if weights in ("imagenet", "auto") else Path(weights)
    if not path.is_file():
        raise FileNotFoundError(_not_found(path, weights, network))
    digest = sha256_of_file(path)
    if path == imagenet and digest != published.sha256:
        raise ValueError(
            f"{path} is damaged: its SHA-256 starts with {digest[:8]} instead of {published.sha256[:8]}; delete it. "
            f"{fetch_command(network)}"
        )
    state = _read(path)
    missing = [
        name
        for name, index in layers_of(network).items()
        if index < len(features) and not {f"features.{index}.weight", f"features.{index}.bias"} <= state.keys()
    ]
    if missing:
        raise ValueError(
            f"{path} has no weights for the {_spelt(network)} layers {', '.join(missing)}; ask for shallower layers, "
            "or use a file that has them under torchvision's names (features.0.weight …)"
        )
    features.load_state_dict({name: state[f"features.{name}"] for name in features.state_dict()})
    return prefix + ("imagenet" if path == imagenet else f"{path.name} {digest[:8]}")


def _randomise(features: nn.Sequential) -> None:
    generator = torch.Generator().manual_seed(_RANDOM_SEED)
    for parameter in features.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)
        else:
            nn.init.zeros_(parameter)


def _not_found(path: Path, weights: str, network: Network) -> str:
    if weights == "imagenet":
        return (
            f"no ImageNet weights for {_spelt(network)} at {path}. {fetch_command(network)}\n"
            "or set features.weights=PATH to a .pth or .safetensors file with torchvision's key names, "
            "or features.weights=random"
        )
    return f"no file of {_spelt(network)} weights at {path}; give the path of one, or 'imagenet', 'random' or 'auto'"


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix.lower() == ".safetensors":
            return load_safetensors(path.read_bytes())
        with no_warnings():
            state = torch.load(path, map_location="cpu", weights_only=True)
    except (MemoryError, OSError):
        raise
    # Of files that it has not written it raises nearly anything.
    except Exception as error:
        raise ValueError(
            f"{path} was refused: it is damaged or holds more than tensors, and such a file could run code when "
            "loaded; use a plain state dict, best as .safetensors"
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"{path} holds a {type(state).__name__} instead of a state dict, a dict of names and tensors")
    return cast("dict[str, Tensor]", state)
