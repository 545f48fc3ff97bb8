from collections.abc import Mapping
from functools import partial

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torchmetrics import CatMetric, MeanMetric

from biasgan.analysis.patches import patches_of
from biasgan.analysis.realism import patch_scores, realism
from biasgan.analysis.triangle import Triangle, side_lengths
from biasgan.data.dataset import Pair
from biasgan.losses.perceptual import feature_distance
from biasgan.training.fidelity import FidelityRestoration, restoration, restored_of
from biasgan.training.gan import RestorationGAN
from biasgan.training.numbers import check_layers
from biasgan.training.realesrgan import LAYERS
from biasgan.training.step import Step

CANDIDATES = ("original", "restored", "compressed")
CHUNK = 16


class BiasMonitor(Callback):
    """Watch the enhancement bias at every validation.

    Reports, over patches of all validation images: the realism that the discriminator as trained gives to originals,
    restored and compressed patches (Tab. 1 and 2 of the paper; a conditional one is shown the compressed patch beside
    each, eq. 4), and the triangle of mean feature distances with its deviation (eq. 1) under `bias/…`.

    Args:
        layers: Weight of each VGG-19 layer in the distances; by default those of Real-ESRGAN's perceptual loss.
        patch_size: Side of the patches, as in training; 128 in the paper.
        patches: At most so many patches an image, evenly spread over its grid.

    Raises:
        ValueError: If a size or number is not positive.

    Examples:
        >>> from biasgan import BiasMonitor
        >>> monitor = BiasMonitor(patch_size=64)  # for the callbacks of a Trainer that validates
    """

    def __init__(self, layers: Mapping[str, float] = LAYERS, patch_size: int = 128, patches: int = 16) -> None:
        if patch_size < 1 or patches < 1:
            raise ValueError(f"The bias is watched on at least one patch of a pixel; got {patches} of {patch_size}.")
        self.layers = dict(layers)
        self.patch_size = patch_size
        self.patches = patches
        self.distances = {side: MeanMetric() for side in Triangle._fields}
        self.scores = {candidate: CatMetric() for candidate in CANDIDATES}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Check that the layers will be there.

        Raises:
            ValueError: If the feature network does not give one of them.
        """
        check_layers("callbacks.bias_monitor.layers", self.layers, restoration(pl_module).features)

    @torch.inference_mode()
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: Pair,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure the patches of each image, unless another process does."""
        if outputs is None:
            return
        module = restoration(pl_module)
        versions = (batch.compressed, batch.original, restored_of(outputs))
        with trainer.precision_plugin.val_step_context():
            for image in zip(*(torch.split(version, 1) for version in versions), strict=True):
                for compressed, original, restored in patches_of(image, self.patch_size, CHUNK, self.patches):
                    self.watch(module, Step(compressed, original, restored, module.extract))

    def watch(self, module: FidelityRestoration, step: Step) -> None:
        """Measure some patches."""
        features = step.compressed_features, step.restored_features, step.original_features
        sides = side_lengths(partial(feature_distance, layers=self.layers), *features)
        for metric, lengths in zip(self.distances.values(), sides.unbind(1), strict=True):
            metric.to(module.device).update(lengths)
        if isinstance(module, RestorationGAN) and module.adversarial:
            score = module.adversarial_loss.score
            for candidate in CANDIDATES:
                logits = module.discriminate(getattr(step, candidate), step)
                self.scores[candidate].to(module.device).update(patch_scores(logits, score))

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report over all images and processes, and forget."""
        module = restoration(pl_module)
        triangle = Triangle(**{side: float(metric.compute()) for side, metric in self.distances.items()})
        values = {f"bias/distance_{side}": distance for side, distance in triangle._asdict().items()}
        values["bias/deviation"] = triangle.deviation
        if isinstance(module, RestorationGAN) and module.adversarial:
            scores = {candidate: metric.compute() for candidate, metric in self.scores.items()}
            found = realism(**scores, relativistic=module.adversarial_loss.relativistic)
            values |= {f"bias/realism_{candidate}": score for candidate, score in found._asdict().items()}
        for metric in (*self.distances.values(), *self.scores.values()):
            metric.reset()
        module.report(values)
