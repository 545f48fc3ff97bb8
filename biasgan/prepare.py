"""Make the pairs of a training ahead of it: `biasgan prepare data=sample codec=jpeg qf=20`."""

import sys
from tempfile import TemporaryDirectory

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from biasgan.cli.config import CONF, plain, register_resolvers
from biasgan.cli.errors import STOPPED, plain_errors
from biasgan.cli.options import as_given, with_absolute_paths
from biasgan.data.pairs.preparation import check, prepare
from biasgan.data.pairs.source import PairSource
from biasgan.metrics.sizes import needs
from biasgan.runs.build import build
from biasgan.system.console import say

failed: list[str] = []
"""Options of those that failed, where several sets are made."""


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="prepare")
def command(config: DictConfig) -> None:
    """Make or check the pairs that a configuration describes."""
    hydra_settings = HydraConfig.get()
    try:
        # Here too, since Hydra announces what a job raises with all its options.
        with plain_errors():
            settings = plain(with_absolute_paths(config))
            if type(settings["check"]) is not bool:
                raise ValueError(f"check must be true or false; got {settings['check']!r}.")
            pairs = build(PairSource, settings["pairs"])
            if not settings["check"]:
                prepare(pairs, needs(settings["metrics"]), settings["to"])
            elif not check(pairs):
                sys.exit(1)
    except SystemExit as ended:
        # Of several the others go on, but not after Ctrl-C.
        if hydra_settings.mode != RunMode.MULTIRUN or ended.code == STOPPED:
            raise
        failed.append(" ".join(hydra_settings.overrides.task))


def main() -> None:
    """Run from the command line."""
    register_resolvers()
    failed.clear()
    with plain_errors(), TemporaryDirectory(prefix="biasgan-") as scratch:
        # Hydra makes a folder for each job, and a file for several.
        OmegaConf.register_new_resolver("scratch", lambda: scratch, replace=True)
        sys.argv[1:] = as_given(sys.argv[1:])
        command()
    if failed:
        say(f"\n{len(failed)} failed:", *failed, error=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
