from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, spectral_norm

from biasgan.networks.discriminator_weights import fitted
from biasgan.networks.unet_discriminator import UNetDiscriminator
from biasgan.networks.vgg_discriminator import VGGDiscriminator

Discriminators = type[UNetDiscriminator] | type[VGGDiscriminator]


def with_older_norm(discriminator: UNetDiscriminator) -> UNetDiscriminator:
    """Give it PyTorch's older spectral norm, which the published code has."""
    for layer in discriminator.children():
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight")
            spectral_norm(layer)
    return discriminator


@pytest.fixture
def published() -> UNetDiscriminator:
    """A discriminator as the published code has it, some steps into a training."""
    torch.manual_seed(0)
    discriminator = with_older_norm(UNetDiscriminator(channels=4))
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.normal_()
        for _ in range(100):
            discriminator(torch.rand(1, 3, 8, 8))
    return discriminator


def loaded(discriminator: nn.Module, weights: Mapping[str, Tensor], channels: int = 6) -> nn.Module:
    discriminator.load_state_dict(fitted(weights, discriminator, channels))
    return discriminator


def test_the_published_keys_are_those_that_are_meant(published: UNetDiscriminator) -> None:
    assert {f"conv{i}.weight_{part}" for i in range(1, 9) for part in ("orig", "u", "v")} | {
        "conv0.weight", "conv0.bias", "conv9.weight", "conv9.bias",
    } == published.state_dict().keys()  # fmt: skip


@torch.no_grad()
def test_a_published_discriminator_judges_as_before(published: UNetDiscriminator) -> None:
    image = torch.rand(2, 3, 16, 24)
    own = loaded(UNetDiscriminator(channels=4), published.state_dict())
    # The power iterations go on from the same vectors, half a step apart.
    torch.testing.assert_close(own(image), published(image), rtol=1e-3, atol=1e-3)
    own = loaded(UNetDiscriminator(channels=4), published.state_dict())
    assert torch.equal(own.eval()(image), published.eval()(image))


@torch.no_grad()
def test_what_the_first_version_of_the_older_norm_does_not_keep_is_computed(published: UNetDiscriminator) -> None:
    weights = {name: tensor for name, tensor in published.state_dict().items() if not name.endswith("_v")}
    for index in range(1, 9):
        weight = published.get_submodule(f"conv{index}").weight
        assert isinstance(weight, Tensor)
        weights[f"conv{index}.weight"] = weight
    own = loaded(UNetDiscriminator(channels=4), weights).eval()
    image = torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(own(image), published.eval()(image), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("training", [False, True])
@torch.no_grad()
def test_a_published_discriminator_has_no_regard_to_the_condition_at_first(
    published: UNetDiscriminator, training: bool
) -> None:
    image, condition = torch.rand(2, 2, 3, 16, 24)
    plain = loaded(UNetDiscriminator(channels=4), published.state_dict()).train(training)
    expected = plain(image)
    for shown in ((condition, image), (torch.zeros_like(image), image), (image, condition)):
        conditional = loaded(UNetDiscriminator(in_channels=6, channels=4), published.state_dict()).train(training)
        assert torch.allclose(conditional(torch.cat(shown, 1)), expected, atol=1e-4) == (shown[1] is image)


@torch.no_grad()
def test_a_discriminator_of_the_vgg_style_has_no_regard_to_the_condition_at_first() -> None:
    torch.manual_seed(0)
    plain = VGGDiscriminator(channels=4, size=64)
    plain(torch.rand(4, 3, 64, 64))
    conditional = loaded(VGGDiscriminator(in_channels=6, channels=4, size=64), plain.state_dict())
    image, condition = torch.rand(2, 2, 3, 64, 64)
    for training in (True, False):
        expected = plain.train(training)(image)
        torch.testing.assert_close(conditional.train(training)(torch.cat([condition, image], 1)), expected)


def test_the_condition_comes_to_count(published: UNetDiscriminator) -> None:
    conditional = loaded(UNetDiscriminator(in_channels=6, channels=4), published.state_dict())
    conditional(torch.rand(2, 6, 16, 16)).square().mean().backward()
    gradient = conditional.get_parameter("conv0.weight").grad
    assert gradient is not None
    assert (gradient[:, :3].abs().amax((0, 2, 3)) > 0).all()


@pytest.mark.parametrize("kind", [UNetDiscriminator, VGGDiscriminator])
def test_weights_that_fit_are_left_as_they_are(kind: Discriminators) -> None:
    for in_channels in (3, 6):
        state = kind(in_channels, 4).state_dict()
        result = fitted(state, kind(in_channels, 4), in_channels)
        assert result.keys() == state.keys()
        assert all(result[name] is state[name] for name in state)


@pytest.mark.parametrize("kind", [UNetDiscriminator, VGGDiscriminator])
def test_a_conditional_discriminator_cannot_do_without_its_condition(kind: Discriminators) -> None:
    with pytest.raises(ValueError, match=r"on more channels.* has 6 inputs instead of 3.* Choose method=conditional"):
        fitted(kind(in_channels=6, channels=4).state_dict(), kind(channels=4), 3)


def test_what_is_given_is_left_as_it_was(published: UNetDiscriminator) -> None:
    weights = published.state_dict()
    names, first = list(weights), weights["conv0.weight"].clone()
    fitted(weights, UNetDiscriminator(in_channels=6, channels=4), 6)
    assert list(weights) == names
    assert torch.equal(weights["conv0.weight"], first)


def unshuffled(channels: int) -> nn.Module:
    return nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(channels * 4, 4, 3), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))


def normalised(channels: int) -> nn.Module:
    first = parametrizations.spectral_norm(nn.Conv2d(channels, 4, 3))
    return nn.Sequential(first, nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3))


def linear(channels: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(channels * 16 * 16, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))


@pytest.mark.parametrize("make", [unshuffled, normalised, linear])
@pytest.mark.parametrize("channels", [4, 6])
@torch.no_grad()
def test_whatever_the_first_layer_is_it_has_no_regard_to_what_comes_before_the_candidate(
    make: Callable[[int], nn.Module], channels: int
) -> None:
    torch.manual_seed(0)
    plain, image, added = make(3), torch.rand(2, 3, 16, 16), torch.rand(2, channels - 3, 16, 16)
    more = loaded(make(channels), plain.state_dict(), channels)
    for training in (True, False, True):
        expected = plain.train(training)(image)
        torch.testing.assert_close(more.train(training)(torch.cat([added, image], 1)), expected)


def test_weights_for_patches_of_another_size_are_not_taken_for_those_of_other_channels() -> None:
    smaller = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 1)).state_dict()
    result = fitted(smaller, nn.Sequential(nn.Flatten(), nn.Linear(6 * 16 * 16, 1)), 6)
    assert all(result[name] is smaller[name] for name in smaller)


def test_weights_of_another_width_are_left_as_they_are() -> None:
    wider = UNetDiscriminator(channels=8).state_dict()
    result = fitted(wider, UNetDiscriminator(channels=4), 3)
    assert all(result[name] is wider[name] for name in wider)
