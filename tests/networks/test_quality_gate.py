import math
from pathlib import Path

import numpy as np
import pytest
import torch

from biasgan.codecs.jpeg import JPEG
from biasgan.data.sets import sample
from biasgan.io.images import read_image, to_tensor
from biasgan.networks.quality_gate import HEVC_GATE, JPEG_GATE, QualityGate, block_quality, tchebichef_matrix


def reference(plane: np.ndarray, b: int) -> float:
    """The definition, block by block."""
    p = np.zeros((b, b))
    for k in range(b):
        t = [1.0, (1 - b + 2 * k) / b]
        for n in range(2, b):
            t.append(((2 * n - 1) * t[1] * t[-1] - (n - 1) * (1 - (n - 1) ** 2 / b**2) * t[-2]) / n)
        for n in range(b):
            rho = b * math.prod(1 - q**2 / b**2 for q in range(1, n + 1)) / (2 * n + 1)
            p[n, k] = t[n] / math.sqrt(rho)
    kernel = np.array([[math.exp(-(i * i + j * j) / 50) for i in (-1, 0, 1)] for j in (-1, 0, 1)])
    kernel /= kernel.sum()
    plane = plane[: plane.shape[0] // b * b, : plane.shape[1] // b * b].astype(np.float64)
    smooth: list[float] = []
    textured: list[float] = []
    c = 1e-5
    for top in range(b // 2, plane.shape[0] - b + 1, b):
        for left in range(b // 2, plane.shape[1] - b + 1, b):
            block = plane[top : top + b, left : left + b]
            if not block.any():
                smooth.append(1)
                continue
            block = block / math.sqrt(b * b * np.mean(block**2))
            block = block - block.mean()
            m = p @ block @ p.T
            if (m**2).sum() - m[0, 0] ** 2 > 0.004:
                padded = np.pad(block, 1)
                blurred = sum(kernel[i, j] * padded[i : i + b, j : j + b] for i in range(3) for j in range(3))
                n = p @ blurred @ p.T
                textured.append(1 - float(np.mean((2 * m * n + c) / (m**2 + n**2 + c))))
            else:
                rest = np.abs(m).sum() - abs(m[0, 0]) + c
                v, h = (min(np.abs(line).sum() / rest, 0.05) for line in (m[-1], m[:, -1]))
                smooth.append(math.log(1 - (v + h) / 2) / math.log(1 - 0.05))
    means = [sum(scores) / len(scores) if scores else 1.0 for scores in (smooth, textured)]
    return means[0] ** 0.9 * means[1] ** 0.1


@pytest.mark.parametrize("size", [4, 8])
def test_polynomials_are_orthonormal_and_of_rising_degree(size: int) -> None:
    matrix = tchebichef_matrix(size)
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(size, dtype=torch.float64))
    torch.testing.assert_close(matrix[0], torch.full((size,), size**-0.5, dtype=torch.float64))
    for degree, row in enumerate(matrix[:-1]):
        differences = row.diff(n=degree)
        assert differences[0] > 1e-3
        torch.testing.assert_close(differences, differences[:1].expand_as(differences))


@pytest.mark.parametrize("block", [4, 8])
@pytest.mark.parametrize("size", [(64, 48), (37, 43), (16, 17)])
def test_score_is_that_of_the_definition(size: tuple[int, int], block: int) -> None:
    random = np.random.default_rng(0)
    noise = random.random(size)
    ramp = np.linspace(0.2, 0.9, size[1])[None] + 0.004 * noise
    mixed = np.where(np.arange(size[1]) < size[1] // 2, noise, ramp)
    mixed[:10] = 0
    for plane in (noise, ramp, mixed):
        expected = reference(plane, block)
        assert block_quality(torch.tensor(plane), block) == pytest.approx(expected, rel=1e-3)


def test_plain_cases() -> None:
    assert block_quality(torch.zeros(32, 32), 8) == 1
    assert block_quality(torch.full((32, 32), 0.3), 8) == pytest.approx(0, abs=1e-3)
    # No block lies astride two.
    assert block_quality(torch.rand(15, 40), 8) == 1


def test_brightness_does_not_count() -> None:
    torch.manual_seed(0)
    plane = torch.rand(40, 40)
    assert block_quality(plane * 0.25, 8) == pytest.approx(block_quality(plane, 8), rel=1e-5)


def test_the_same_under_autocast() -> None:
    torch.manual_seed(0)
    plane = torch.rand(40, 40)
    with torch.autocast("cpu", torch.bfloat16):
        score = block_quality(plane, 8)
    assert score == block_quality(plane, 8)


@pytest.mark.parametrize("photograph", sample().valid, ids=lambda path: path.stem)
def test_blocks_of_jpeg_cost_score(photograph: Path) -> None:
    original = read_image(photograph)
    images = (JPEG().encode(original, quality).image for quality in (5, 10, 20))
    scores = [JPEG_GATE.score(to_tensor(image)[None]) for image in images]
    assert scores[0] < 0.9 * scores[1] < 0.9 * scores[2]


def test_judges_luma_of_8_bits_against_its_threshold() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32) * 1.4 - 0.2
    pixels = image[0].clamp(0, 1).permute(1, 2, 0).double().numpy() @ [0.299, 0.587, 0.114]
    score = block_quality(torch.from_numpy((pixels * 255).round() / 255), 8)
    gate = QualityGate(8, score - 1e-4)
    assert gate.score(image) == pytest.approx(score, rel=1e-5)
    assert gate(image)
    assert not QualityGate(8, score + 1e-4)(image)
    luma = torch.rand(1, 1, 32, 32)
    assert gate.score(luma) == gate.score(luma.expand(1, 3, -1, -1).mul(255).round().div(255))


def test_grain_below_8_bits_does_not_count() -> None:
    """What a network leaves of a smooth block, far below what is ever saved, would decide otherwise."""
    torch.manual_seed(0)
    smooth = torch.linspace(0.3, 0.6, 64).mul(255).round().div(255).expand(1, 3, 64, 64)
    grain = 4e-4 * torch.randn(1, 3, 64, 64)
    assert JPEG_GATE.score(smooth + grain) == JPEG_GATE.score(smooth)
    assert block_quality((smooth + grain)[0, 0], 8) != pytest.approx(block_quality(smooth[0, 0], 8), abs=0.05)


def test_gates_of_the_paper() -> None:
    assert (JPEG_GATE.block, JPEG_GATE.threshold) == (8, 0.79)
    assert (HEVC_GATE.block, HEVC_GATE.threshold) == (4, 0.89)
