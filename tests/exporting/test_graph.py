import io
from itertools import product
from pathlib import Path
from zipfile import ZipFile

import pytest
import torch
from torch import Tensor, nn

from biasgan.exporting.graph import AnySize, GraphError, torchscript_graph
from biasgan.networks.any_size import SizeNeeds, restore

from ..networks.test_networks import GENERATORS

OTHER_SIZES = ((1, 3, 33, 19), (3, 3, 5, 70))
"""None of those that a graph was recorded or checked at."""


class Turned(nn.Module):
    """Turns an image around, so that what it was extended by is seen."""

    def __init__(self, multiple_of: int, smallest_side: int) -> None:
        super().__init__()
        self.multiple_of, self.smallest_side = multiple_of, smallest_side

    def forward(self, image: Tensor) -> Tensor:
        height, width = image.shape[-2:]
        assert (height % self.multiple_of, width % self.multiple_of) == (0, 0)
        assert min(height, width) >= self.smallest_side
        return image.flip(2, 3)


class Fixed(nn.Module):
    """Adds a ramp of a length that is a number for a tracer."""

    def forward(self, image: Tensor) -> Tensor:
        return image + torch.linspace(0, 1, int(image.shape[-1]))


class Untraceable(nn.Module):
    """Fails."""

    def forward(self, image: Tensor) -> Tensor:
        raise RuntimeError("no image today")


class Moody(nn.Module):
    """Computes otherwise on wide images."""

    def forward(self, image: Tensor) -> Tensor:
        return image * 2 if int(image.shape[-1]) > 60 else image


@pytest.mark.parametrize("needs", [(1, 1), (4, 4), (1, 4), (8, 8), (16, 16), (3, 7)], ids=str)
def test_extends_as_restore_does(needs: tuple[int, int]) -> None:
    network = Turned(*needs)
    graph = AnySize(network, SizeNeeds.of(network))
    for height, width in product((1, 2, 3, 5, 8, 9, 16, 17), (1, 4, 7, 15, 33)):
        image = torch.rand(2, 3, height, width)
        assert torch.equal(graph(image), restore(network, image)), (height, width)


@pytest.mark.filterwarnings("ignore:.*torch.jit.load.*:FutureWarning")
@pytest.mark.parametrize("name", GENERATORS)
@torch.no_grad()
def test_torchscript_gives_the_same_at_any_size(name: str) -> None:
    torch.manual_seed(0)
    network = GENERATORS[name][0]().eval()
    graph = torch.jit.load(io.BytesIO(torchscript_graph(network)))
    for size in OTHER_SIZES:
        image = torch.rand(size)
        torch.testing.assert_close(graph(image), restore(network, image))


def test_torchscript_does_not_tell_where_it_was_made() -> None:
    with ZipFile(io.BytesIO(torchscript_graph(GENERATORS["CBDNet"][0]().eval()))) as file:
        content = b"".join(file.read(name) for name in file.namelist())
    assert b"conv" in content
    for path in (Path(__file__).parents[2], Path(torch.__file__).parent):
        assert str(path).encode() not in content


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (Untraceable(), "TorchScript cannot trace Untraceable: no image today"),
        (
            Fixed(),
            r"The TorchScript graph of Fixed fails at 2 x 3 x 37 x 24: RuntimeError: The size of tensor a \(24\)",
        ),
        (Moody(), r"The TorchScript graph of Moody differs from it by \S+ at 1 x 3 x 1 x 1; at most 0.0001"),
    ],
)
def test_a_graph_that_serves_one_size_alone_is_refused(network: nn.Module, text: str) -> None:
    with pytest.raises(GraphError, match=text):
        torchscript_graph(network.eval())
