"""Train a network that restores compressed images: `biasgan train baseline=realesrgan codec=jpeg qf=20`."""

import os
import signal
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from biasgan.cli.config import CONF, plain, register_plugins, register_resolvers
from biasgan.cli.errors import plain_errors
from biasgan.cli.options import with_absolute_paths, with_options_of_another, with_paths_of
from biasgan.system.console import quieten_lightning
from biasgan.system.imports import importing
from biasgan.system.parent import end_with_parent
from biasgan.training.alone import alone_in
from biasgan.training.settings import Settings

CHOSEN = ("baseline", "method", "codec", "data", "scale")


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="train")
def command(config: DictConfig) -> None:
    """Run the training that a configuration describes."""
    # Here too, since Hydra announces what a job raises with all its options.
    with plain_errors():
        hydra_config = HydraConfig.get()
        with_absolute_paths(config)
        chosen = {group: hydra_config.runtime.choices[group] for group in CHOSEN}
        folder = Path(hydra_config.runtime.output_dir)
        sources = hydra_config.runtime.config_sources
        recorded = {
            "chosen": chosen,
            "options": with_paths_of(config, hydra_config.overrides.task),
            "config_dir": next((source.path for source in sources if source.provider == "command-line"), None),
        }
        settings = Settings.of({**plain(config), **recorded})
        # The job of a sweep waits, since one of a sweep that was killed may be about to save.
        with alone_in(folder, patience=60 if config.sweep.name else 0):
            with importing():
                from biasgan.training.distributed import started_by
                from biasgan.training.run import checked, train
            quieten_lightning()
            if settings.may_take_several_processes and started_by() is None:
                from biasgan.cli.processes import train_in_processes

                train_in_processes(checked, train, settings, folder)
            else:
                train(settings, folder)


def main() -> None:
    """Run from the command line. What takes seconds to import is imported once the options are known to be good."""
    register_resolvers()
    register_plugins()
    with plain_errors():
        # A job of a sweep saves; a process of torchrun's could not, without the others.
        end_with_parent(signal.SIGKILL if "TORCHELASTIC_RUN_ID" in os.environ else signal.SIGTERM)
        sys.argv[1:] = with_options_of_another(sys.argv[1:])
        command()


if __name__ == "__main__":
    main()
