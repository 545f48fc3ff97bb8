import pytest

from biasgan.training.settings import Settings

from ..composer import Composer

RECORDED = {"chosen": {"baseline": "realesrgan"}, "options": [], "config_dir": None}


def test_settings_are_read_once_and_the_configuration_is_kept(composed: Composer) -> None:
    config = {**composed("qf=30", "init_from=bundled", "iterations=12"), **RECORDED}
    settings = Settings.of(config)
    assert (settings.quality, settings.iterations, settings.best_metric) == (30, 12, "psnr")
    assert (settings.start.generator, settings.start.discriminator, settings.start.published) == ("bundled", None, None)
    assert settings.parts.module["_target_"] == "biasgan.training.gan.RestorationGAN"
    assert list(settings.parts.callbacks) == list(config["callbacks"])
    assert settings.recorded == config
    begun = settings.begun({"generator": "bundled"})
    assert begun.recorded == {**config, "started_from": {"generator": "bundled"}}
    assert settings.started_from == {}
    assert Settings.of(begun.recorded) == begun


@pytest.mark.parametrize("name", ["seed", "pretrain_iterations", "patch_size", "checkpoint_every"])
@pytest.mark.parametrize("value", [-1, 2.0, True, "4", 2**32])
def test_numbers_are_checked_there(composed: Composer, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be a whole number from [01] to 4294967295; got "):
        Settings.of({**composed(), **RECORDED, name: value})
