import torch
from torch.nn import functional

from biasgan.networks.dcad import DCAD


def test_layers_are_those_of_the_paper_plus_the_image() -> None:
    torch.manual_seed(0)
    network = DCAD()
    image = torch.rand(1, 3, 11, 14)
    weights = iter(network.parameters())
    expected = image
    for index in range(10):
        expected = functional.conv2d(expected, next(weights), next(weights), padding=1)
        expected = expected.relu() if index < 9 else expected
    torch.testing.assert_close(network(image), image + expected)
