"""Train the small RBQE of `test_early_exit.py`, in about 5 minutes: `python -m tests.inference.train_rbqe`."""

import os
import tempfile
from pathlib import Path

from PIL import Image

from biasgan.data.sets import sample
from biasgan.runs.weights import load_generator, read_config, write_weights

from ..conftest import call

WEIGHTS = Path(__file__).with_name("rbqe.safetensors")
OPTIONS = (
    *("baseline=rbqe_blind", "data=folder", "trainer=cpu", "trainer.precision=32-true"),
    *("iterations=2000", "validate_every=500", "ema_decay=0.99", "features.weights=random"),
)
SIDE = 128


def main() -> None:
    """Cut the sample photographs, so that each part has a quality of its own; train; keep weights of half precision."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        os.environ["BIASGAN_CACHE"] = str(folder / "cache")
        for side, photographs in sample()._asdict().items():
            (folder / "photographs" / side).mkdir(parents=True)
            for photograph in photographs:
                cut(photograph, folder / "photographs" / side)
        run = folder / "run"
        assert call(*OPTIONS, f"data.root={folder / 'photographs'}", f"hydra.run.dir={run}") == 0
        # Without the paths of the machine.
        config = {key: read_config(run / "generator.safetensors")[key] for key in ("generator", "codec")}
        write_weights(load_generator(run).half(), config, WEIGHTS)


def cut(photograph: Path, folder: Path) -> None:
    """Write the whole squares of a photograph."""
    with Image.open(photograph) as opened:
        image = opened.convert("RGB")
    for top in range(0, image.height - SIDE + 1, SIDE):
        for left in range(0, image.width - SIDE + 1, SIDE):
            image.crop((left, top, left + SIDE, top + SIDE)).save(folder / f"{photograph.stem}-{top}-{left}.png")


if __name__ == "__main__":
    main()
