import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from biasgan.inference import restorer
from biasgan.inference.early_exit import EarlyExitRBQE
from biasgan.inference.restorer import Restorer
from biasgan.networks.any_size import restore
from biasgan.networks.compact import SRVGGNetCompact
from biasgan.networks.quality_gate import QualityGate
from biasgan.networks.rbqe import RBQE
from biasgan.networks.rrdbnet import RRDBNet


def small() -> nn.Module:
    torch.manual_seed(0)
    return SRVGGNetCompact(channels=8, convolutions=2)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (13, 70), (131, 97)])
@pytest.mark.parametrize("tile", [None, 24, 1000])
@torch.inference_mode()
def test_restores_any_size_whatever_the_tile(size: tuple[int, int], tile: int | None) -> None:
    network = small()
    image = torch.rand(3, *size)
    result = Restorer(network, "cpu", "32", tile).restore(image)
    torch.testing.assert_close(result, restore(network, image[None])[0].clamp(0, 1), atol=1e-5, rtol=0)


@torch.inference_mode()
def test_output_is_clamped_and_the_generator_is_left_as_it_was() -> None:
    network = small().train()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8)
    image = torch.rand(3, 20, 20)
    result = Restorer(network, "cpu", "32").restore(image)
    assert (result.min(), result.max()) == (0, 1)
    assert network.training
    assert image.isfinite().all()
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_bf16_loses_little() -> None:
    torch.manual_seed(0)
    network = RRDBNet(8, 1, 4)
    image = torch.rand(3, 40, 40)
    exact, rounded = (Restorer(network, "cpu", precision).restore(image) for precision in ("32", "bf16"))
    assert 0 < (exact - rounded).abs().max() < 0.02


class Hungry(nn.Module):
    """Runs out of memory above a size, as the CPU's allocator says it or as a GPU's does."""

    def __init__(self, pixels: int, error: type[Exception] = RuntimeError) -> None:
        super().__init__()
        self.pixels = pixels
        self.error = error
        self.weight = nn.Parameter(torch.zeros(1))
        self.receptive_field = 0
        self.sizes: list[int] = []

    def __deepcopy__(self, memo: object) -> "Hungry":
        return self

    def forward(self, image: Tensor) -> Tensor:
        self.sizes.append(max(image.shape[-2:]))
        if image[0, 0].numel() > self.pixels:
            raise self.error("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        return 1 - image


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, torch.OutOfMemoryError])
def test_tiles_are_halved_when_memory_runs_out_and_stay_so(error: type[Exception]) -> None:
    network = Hungry(40 * 40, error)
    restorer = Restorer(network, "cpu", "32", tile=128)
    image = torch.rand(3, 200, 200)
    counts: list[tuple[int, int]] = []
    result = restorer.restore(image, lambda *done: counts.append(done))
    torch.testing.assert_close(result, 1 - image)
    assert restorer.tile is not None
    assert restorer.tile <= 40
    assert counts[-1][0] == counts[-1][1] >= 25
    network.sizes.clear()
    restorer.restore(image)
    assert max(network.sizes) <= 40


def test_too_little_memory_for_the_smallest_tiles_is_said() -> None:
    with pytest.raises(MemoryError, match=r"cpu has not enough memory, even for tiles of \d+ pixels: .*can't allocate"):
        Restorer(Hungry(0), "cpu", "32", tile=128).restore(torch.rand(3, 200, 200))


def test_other_errors_are_no_matter_of_memory() -> None:
    class Broken(Hungry):
        def forward(self, image: Tensor) -> Tensor:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        Restorer(Broken(0), "cpu", "32").restore(torch.rand(3, 9, 9))


LIMITED = """
import resource
import torch
from biasgan.inference.restorer import Restorer
from biasgan.networks.compact import SRVGGNetCompact
torch.set_num_threads(1)
torch.manual_seed(0)
image = torch.rand(3, 1500, 1500)
restorer = Restorer(SRVGGNetCompact(channels=64, convolutions=1), "cpu", "32", tile=1500)
restorer.restore(image[:, :100, :100])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {bytes}, resource.RLIM_INFINITY))
result = restorer.restore(image)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(restorer.tile, result.shape, bool(result.isfinite().all()))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_process_with_little_memory_really_goes_on_with_smaller_tiles() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LIMITED.format(bytes=400 * 2**20)], capture_output=True, text=True
    )
    tile, rest = done.stdout.split(" ", 1)
    assert int(tile) < 1500
    assert rest.strip() == "torch.Size([3, 1500, 1500]) True"


def test_what_bf16_cannot_express_is_done_in_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    class Breaks(nn.Module):
        def __init__(self, network: nn.Module) -> None:
            super().__init__()

        def forward(self, image: Tensor) -> Tensor:
            return image / 0

    monkeypatch.setattr(restorer, "BF16", Breaks)
    network = small()
    image = torch.rand(3, 20, 20)
    with torch.inference_mode():
        expected = Restorer(network, "cpu", "32").restore(image)
    assert torch.equal(Restorer(network, "cpu", "bf16", tile=100).restore(image), expected)


def test_infinities_are_no_image() -> None:
    network = small()
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    with pytest.raises(ArithmeticError, match="SRVGGNetCompact gives infinities or NaN"):
        Restorer(network, "cpu", "bf16").restore(torch.rand(3, 9, 9))


def test_choosing_a_tile_does_not_count_as_leaving_early() -> None:
    network = EarlyExitRBQE(RBQE(channels=2, levels=2, exits=2), QualityGate(8, 0.0))
    for precision in ("32", "bf16"):
        Restorer(network, "cpu", precision).restore(torch.rand(3, 20, 20))
    assert [exit.number for exit in network.exits] == [1, 1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:77"}, r"device=cuda:77 cannot be used here: .*Expected auto, cpu, cuda"),
        ({"device": "toaster"}, r"device=toaster cannot be used here: .*Expected auto"),
        ({"device": "meta"}, r"device=meta cannot be used here"),
        ({"precision": "16"}, "precision=16: expected auto, 32 or bf16"),
        ({"tile": 9}, "tile=9 is too small for overlap=4: expected at least 10"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Restorer(small(), **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "image", [torch.rand(1, 3, 9, 9), torch.rand(4, 9, 9), torch.rand(3, 0, 9), torch.ones(3, 9, 9, dtype=torch.uint8)]
)
def test_what_is_no_image_is_refused(image: Tensor) -> None:
    with pytest.raises(ValueError, match=r"expected an image, \(3, H, W\) float32, got"):
        Restorer(small(), "cpu").restore(image)
