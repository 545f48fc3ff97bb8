"""What the paper trains Real-ESRGAN with: what a `RestorationGAN` has where nothing else is said."""

from functools import cache, partial

import torch
from torch.optim import Adam

from biasgan.io.weight_files import fetch_command
from biasgan.losses.adversarial import VanillaAdversarialLoss
from biasgan.networks.vgg_features import VGGFeatures
from biasgan.system.console import say
from biasgan.training.schedule import Constant

ADAM = partial(Adam, betas=(0.9, 0.99), fused=True)
"""The optimiser of each network."""

PIXEL_SCHEDULE = Constant(2e-4)
"""Learning rate of the pixel stage."""

SCHEDULE = Constant(1e-4)
"""Learning rate of the adversarial stage."""

ADVERSARIAL_LOSS = VanillaAdversarialLoss()
"""What the two networks play for."""

LAYERS = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
"""Name of a VGG-19 layer → its weight, in the perceptual loss and in the divergence."""


@cache
def usual_features(layers: tuple[str, ...]) -> VGGFeatures:
    """Features of ImageNet where its weights are cached, else of random weights, which is said; nothing is fetched.

    Args:
        layers: As in `VGGFeatures`.

    Raises:
        ValueError: If a layer is unknown, or the cached file is damaged.
    """
    features = VGGFeatures(layers, "auto")
    if features.weights_name == "random":
        better = fetch_command("vgg19").replace("\n", " ")
        say(f"VGG-19 has random weights, whose distances mean little. {better}", style="yellow", error=True)
    return features.to(memory_format=torch.channels_last)
