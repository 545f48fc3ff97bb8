"""What Hydra needs to run sweeps as `biasgan.sweep` does; it takes plugins of a package of this name alone."""

import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict, read_write
from omegaconf.errors import OmegaConfBaseException

from biasgan.config import AUTO, digest_of, plain
from biasgan.options import plain_or_quoted, quoted
from biasgan.sweep.job import Job
from biasgan.sweep.shared_stage import pixel_stage_key
from biasgan.sweep.sweep import Sweep

OF_THE_SWEEP = ("hydra.mode", "hydra.sweep.", "hydra.sweeper", "hydra/sweeper", "hydra.launcher", "hydra/launcher")
"""Options of Hydra's that a job must not be given."""


class CombinationSweeper(BasicSweeper):
    """Hydra's own sweeper, but that it names the sweep, and leaves it to each job to fail."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Name the sweep, before its launcher is made.

        Raises:
            ValueError: If a run is to be resumed.
        """
        if config.resume not in (None, AUTO):
            raise ValueError(f"A sweep resumes its own jobs; leave resume={config.resume} out.")
        if not config.sweep.name:
            config.sweep.name = f"sweep-{digest_of([*self._parse_config(), *config.hydra.overrides.task])}"
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def sweep(self, arguments: list[str]) -> object:
        """Run one job for each combination of values, each of which goes on where it was."""
        assert self.config is not None
        name = plain_or_quoted("sweep.name", self.config.sweep.name)
        return super().sweep([*arguments, "resume=auto", f"sweep.name={name}"])

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Accept all: a job that cannot be composed fails alone."""


class Composed(NamedTuple):
    """What a job is to be.

    Attributes:
        options: Of the job.
        folder: Its run folder.
        error: Why there can be none.
        key: Of its pixel stage.
        pretrain_iterations: Its length.
    """

    options: list[str]
    folder: Path
    error: str | None = None
    key: str | None = None
    pretrain_iterations: int = 0


class ProcessLauncher(Launcher):
    """Gives each job a process of its own, as `biasgan.sweep.sweep.Sweep` describes.

    Jobs that differ in their adversarial stage alone have their pixel stage trained once, by a job before them.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what is needed to compose jobs."""
        self.context = hydra_context
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs.

        Raises:
            SystemExit: If one failed or was stopped.
        """
        folder = Path(self.config.hydra.sweep.dir).absolute()
        composed = [self.compose(list(overrides), folder) for overrides in job_overrides]
        settings = self.config.sweep
        sweep = Sweep(folder, self.jobs(composed, folder), settings.jobs, settings.fail_fast)
        sweep.run()
        if sweep.status:
            sys.exit(sweep.status)
        # Hydra asks each whether it went well.
        return [JobReturn(overrides=each.options, status=JobStatus.COMPLETED) for each in composed]

    def compose(self, options: list[str], sweep: Path) -> Composed:
        """Find out where a job belongs, and what others it shares its pixel stage with."""
        before = HydraConfig.instance().cfg
        try:
            config = self.context.config_loader.load_sweep_config(self.config, options)
            HydraConfig.instance().set_config(config)
            folder = sweep / str(config.hydra.sweep.subdir)
            with read_write(config.hydra.runtime), open_dict(config):
                # The same for all, since it is no part of what a pixel stage is.
                config.hydra.runtime.output_dir = ""
                HydraConfig.instance().set_config(config)
                del config["hydra"]
            try:
                settings = plain(config)
            except ValueError:
                return Composed(options, folder)  # the job itself says what has no value
            return Composed(options, folder, None, pixel_stage_key(settings), settings["pretrain_iterations"])
        except (HydraException, OmegaConfBaseException) as error:
            return Composed(options, sweep / f"failed-{digest_of(options)}", str(error).strip())
        finally:
            HydraConfig.instance().cfg = before

    def jobs(self, composed: Sequence[Composed], sweep: Path) -> list[Job]:
        """The jobs, and before them those pixel stages that several of them need."""
        common = set[str].intersection(*(set(each.options) for each in composed))

        def label(options: Sequence[str]) -> str:
            return " ".join(option for option in options if option not in common)

        groups: defaultdict[str | None, list[Composed]] = defaultdict(list)
        for each in composed:
            groups[each.key].append(each)
        stages: dict[str | None, Job] = {}
        for key, group in groups.items():
            if key is None or len(group) == 1:
                continue
            first, folder = group[0], sweep / f"pixel-stage-{key}"
            shared = [option for option in first.options if all(option in each.options for each in group)]
            stop = f"trainer.max_steps={first.pretrain_iterations}"
            arguments = self.arguments([*first.options, stop], folder)
            stages[key] = Job(f"pixel stage {label(shared)}".strip(), folder, arguments)
        jobs: list[Job] = []
        for each in composed:
            stage = stages.get(each.key)
            arguments = self.arguments(each.options, each.folder)
            status = "failed" if each.error else "waiting"
            name = label(each.options) or each.folder.name
            jobs.append(Job(name, each.folder, arguments, stage, status, error=each.error))
        needed = [stage for stage in stages.values() if any(job.stage is stage and not job.is_done for job in jobs)]
        return [*needed, *jobs]

    def arguments(self, options: Sequence[str], folder: Path) -> list[str]:
        """Arguments of the training command for a job."""
        of_hydra: list[str] = [o for o in self.config.hydra.overrides.hydra if not o.startswith(OF_THE_SWEEP)]
        flags = [
            f"--config-dir={source.path}"
            for source in self.config.hydra.runtime.config_sources
            if source.provider == "command-line"
        ]
        return [*flags, *of_hydra, *options, "hydra.mode=RUN", f"hydra.run.dir={quoted(folder)}"]
