import math
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from biasgan.inference.tiles import TileNeeds, restore_tiles, smallest_tile, spans
from biasgan.networks.any_size import restore

from ..networks.test_networks import GENERATORS

NEEDS = [
    TileNeeds(multiple, alignment, sight)
    for multiple, alignment, sight in ((1, 1, 0), (1, 1, 9), (4, 4, 40), (1, 4, 5), (8, 8, None), (1, 32, None))
]


@pytest.mark.parametrize("needs", NEEDS)
@pytest.mark.parametrize("overlap", [0, 1, 9, 20])
def test_spans_cover_a_side_aligned_and_add_up_to_one(needs: TileNeeds, overlap: int) -> None:
    multiple, alignment, _ = needs
    least = smallest_tile(overlap, needs)
    for length, tile in product((1, 7, 32, 33, 100, 161, 255), (least, least + 3, 2 * least, 300)):
        parts = spans(length, tile, overlap, needs)
        padded = math.ceil(length / multiple) * multiple
        assert (parts[0].start, parts[-1].stop) == (0, length)
        assert len({part.stop - part.start for part in parts[:-1]}) <= 1
        total = torch.zeros(length)
        for part in parts:
            size = part.stop - part.start
            assert 0 < size <= max(tile, padded)
            assert size <= tile or len(parts) == 1
            assert part.start % alignment == 0
            assert len(part.weights) == size
            total[part.start : part.stop] += part.weights
        torch.testing.assert_close(total, torch.ones(length))
        if len(parts) > 1:
            assert (parts[0].stop - padded) % alignment == 0


@pytest.mark.parametrize("needs", NEEDS)
def test_what_a_tile_sees_wrongly_does_not_count(needs: TileNeeds) -> None:
    for overlap, length in product((0, 9, 40, 50), (300, 301)):
        sight = needs.receptive_field
        ignored = sight if sight is not None and sight <= overlap else overlap // 2
        parts = spans(length, smallest_tile(overlap, needs) + 20, overlap, needs)
        assert len(parts) > 1
        for part in parts[1:]:
            assert not part.weights[:ignored].any()
        for part in parts[:-1]:
            assert not part.weights[len(part.weights) - ignored :].any()


def test_tiles_that_get_nowhere_are_refused() -> None:
    with pytest.raises(ValueError, match="tile=64 is too small for overlap=32: expected at least 66"):
        spans(500, 64, 32, TileNeeds(1, 1, None))


EXACT = {
    *("ARCNN", "CBDNet", "DCAD", "DnCNN", "DnCNN with batch norm", "RDN", "RRDBNet", "ResidualUNet", "SRVGGNetCompact"),
    "UNet",
}


def lively(network: nn.Module) -> nn.Module:
    """So that the result differs from the input by what the whole receptive field holds."""
    torch.manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    return network.eval()


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("size", [(285, 331), (288, 320)])
@torch.inference_mode()
def test_tiles_give_what_the_whole_image_gives(name: str, size: tuple[int, int]) -> None:
    network = lively(GENERATORS[name][0]())
    needs = TileNeeds.of(network)
    if name in EXACT:
        assert needs.receptive_field is not None
    elif name != "RBQE":
        assert needs.receptive_field is None
    sight = needs.receptive_field
    image = torch.rand(3, *size)
    whole = restore(network, image[None])[0]
    overlap = 32 if sight is None else sight
    # Of networks that see everything a single one.
    tile = max(size) + 16 if sight is None else max(smallest_tile(overlap, needs) + 1, 120)
    rows, columns = (spans(side, tile, overlap, needs) for side in size)
    assert (len(rows) * len(columns) > 1) == (sight is not None)
    counts: list[tuple[int, int]] = []
    tiled = restore_tiles(
        lambda piece: restore(network, piece[None])[0], image, rows, columns, lambda *done: counts.append(done)
    )
    scale = max(1.0, (whole - image).abs().max().item())
    torch.testing.assert_close(tiled, whole, atol=1e-4 * scale, rtol=0)
    assert counts == [(done, len(rows) * len(columns)) for done in range(1, len(rows) * len(columns) + 1)]


@torch.inference_mode()
def test_too_small_an_overlap_is_seen() -> None:
    """So the test above could fail."""
    network = lively(GENERATORS["CBDNet"][0]())
    image = torch.rand(3, 203, 203)
    needs = TileNeeds.of(network)
    rows = spans(203, 64, 8, needs)
    tiled = restore_tiles(lambda piece: network(piece[None])[0], image, rows, rows)
    assert (tiled - network(image[None])[0]).abs().max() > 1e-3


def test_seams_blend_where_a_network_sees_everything() -> None:
    """Each tile has another brightness, and what is put together has no step."""
    image = torch.zeros(3, 64, 640)
    levels = iter([0.0, 1.0] * 20)

    def flat(piece: Tensor) -> Tensor:
        return torch.full_like(piece, next(levels))

    needs = TileNeeds(1, 1, None)
    columns = spans(640, 128, 32, needs)
    result = restore_tiles(flat, image, spans(64, 128, 32, needs), columns)
    assert (result.amin(), result.amax()) == (0, 1)
    steps = result.diff(dim=2).abs()
    assert 0.02 < steps.max() < 0.05
