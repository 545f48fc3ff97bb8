"""Measure restored images and their bias towards the compressed ones: `biasgan evaluate run=RUN`."""

import sys
from tempfile import TemporaryDirectory

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from biasgan.cli.config import CONF, plain, register_resolvers
from biasgan.cli.errors import plain_errors
from biasgan.cli.evaluated import one_for_each_run, with_options_of_run
from biasgan.cli.options import as_given, with_absolute_paths
from biasgan.system.console import quieten_lightning, say
from biasgan.system.imports import importing


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="evaluate")
def command(config: DictConfig) -> None:
    """Run the evaluation that a configuration describes, and print what it found."""
    # Here too, since Hydra announces what a job raises with all its options.
    with plain_errors():
        with importing():
            from biasgan.evaluation.evaluation import evaluate
            from biasgan.evaluation.settings import Settings
            from biasgan.evaluation.tables import remarks, result_table
        quieten_lightning()
        job = HydraConfig.get()
        settings = Settings.of(plain(with_absolute_paths(config)), job.runtime.choices["data"], job.overrides.task)
        if result := evaluate(settings):
            say(result_table(result), *remarks(result), result.file, result.file.parent)


def main() -> None:
    """Run from the command line."""
    register_resolvers()
    with plain_errors(), TemporaryDirectory(prefix="biasgan-") as scratch:
        # Hydra makes a folder for each job, and a file for several.
        OmegaConf.register_new_resolver("scratch", lambda: scratch, replace=True)
        for arguments in one_for_each_run(as_given(sys.argv[1:])):
            sys.argv[1:] = with_options_of_run(arguments)
            command()


if __name__ == "__main__":
    main()
