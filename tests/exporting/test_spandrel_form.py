from collections.abc import Callable

import pytest
import torch
from spandrel import ModelLoader
from torch import nn

from biasgan.exporting.spandrel_form import spandrel_form
from biasgan.networks.arcnn import ARCNN
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.dcad import DCAD
from biasgan.networks.dncnn import DnCNN
from biasgan.networks.rrdbnet import RRDBNet

KNOWN: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "RRDBNet": (lambda: RRDBNet(16, 2, 32), "ESRGAN"),
    "Compact": (lambda: SRVGGNetCompact(16, 3), "Compact"),
    "DnCNN": (DnCNN, "DnCNN"),
    "DnCNN, shortest": (lambda: DnCNN(channels=8, convolutions=6), "DnCNN"),
    "DnCNN with batch norm": (lambda: DnCNN(batch_norm=True), "DnCNN"),
    "DnCNN with batch norm, shortest": (lambda: DnCNN(8, convolutions=2, batch_norm=True), "DnCNN"),
    "DCAD": (DCAD, "DnCNN"),
    "DCAD, shortest": (lambda: DCAD(channels=8, convolutions=6), "DnCNN"),
}
TOO_SHORT: dict[str, Callable[[], nn.Module]] = {
    "DnCNN": lambda: DnCNN(channels=8, convolutions=5),
    "DnCNN with batch norm": lambda: DnCNN(channels=8, convolutions=1, batch_norm=True),
    "DCAD": lambda: DCAD(channels=8, convolutions=5),
}


def disturbed(network: nn.Module) -> nn.Module:
    """A network none of whose tensors is at its start."""
    torch.manual_seed(0)
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
                    assert tensor is not None
                    tensor.uniform_(0.5, 1.5)
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.add_(0.01 * torch.randn_like(parameter))
    return network.eval()


@pytest.mark.parametrize("name", KNOWN)
@torch.no_grad()
def test_spandrel_opens_it_and_gives_the_same_bits(name: str) -> None:
    build, architecture = KNOWN[name]
    network = disturbed(build())
    loaded = ModelLoader(device="cpu").load_from_state_dict(spandrel_form(network))
    assert loaded.architecture.id == architecture
    image = torch.rand(2, 3, 12, 20)
    restored = network(image)
    assert (restored - image).abs().max() > 0.01
    assert torch.equal(restored, loaded.model.eval()(image))


@pytest.mark.parametrize("name", TOO_SHORT)
def test_a_stack_too_short_for_spandrel_keeps_its_names(name: str) -> None:
    network = TOO_SHORT[name]()
    assert spandrel_form(network).keys() == network.state_dict().keys()


def test_networks_that_spandrel_does_not_know_keep_their_names() -> None:
    network = ARCNN()
    form = spandrel_form(network)
    assert form.keys() == network.state_dict().keys()
    assert all(torch.equal(form[name], tensor) for name, tensor in network.state_dict().items())


def test_the_network_is_left_as_it_was() -> None:
    network = disturbed(DnCNN(channels=8, convolutions=6))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    spandrel_form(network)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
