import dataclasses
from pathlib import Path

import pytest

from jamflow_rt.bundle import EMBEDDED, Bundle, BundleSettings
from jamflow_rt.config import Voice
from jamflow_rt.errors import InvalidInput
from tests.toy import save_toy_bundle, toy_bundle


def test_a_folder_holds_everything_a_session_needs(tmp_path: Path) -> None:
    save_toy_bundle(tmp_path)
    bundle = Bundle.load(tmp_path)
    assert bundle.voices == ("toy",)
    assert bundle.sampling.evaluations == 2
    assert bundle.model.config.motion_size == bundle.motion.size
    assert bundle.front.timeline("Hello there.").words[0].text == "Hello"
    assert {p.suffix for p in tmp_path.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize(
    "name", ["bundle.json", "model.safetensors", "vocoder.safetensors", "motion.safetensors"]
)
def test_a_damaged_bundle_names_the_folder(tmp_path: Path, name: str) -> None:
    save_toy_bundle(tmp_path)
    (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(InvalidInput, match=tmp_path.name):
        Bundle.load(tmp_path)


def test_voices_are_found_by_name() -> None:
    settings = BundleSettings(
        name="two", voices=(Voice(name="ann"), Voice(name="bob", number=1, british=True))
    )
    bundle = dataclasses.replace(toy_bundle(), settings=settings)
    assert bundle.voices == ("ann", "bob")
    assert bundle.voice().name == "ann"
    assert bundle.voice("bob").british
    with pytest.raises(InvalidInput, match="'eve'.*ann, bob"):
        bundle.voice("eve")


def test_voices_beyond_the_tables_are_refused(tmp_path: Path) -> None:
    save_toy_bundle(tmp_path)
    settings = BundleSettings(name="toy", voices=(Voice(name="ann", number=1),))
    (tmp_path / "bundle.json").write_text(settings.model_dump_json())
    with pytest.raises(InvalidInput, match="voice number 1"):
        Bundle.load(tmp_path)


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no bundle"):
        Bundle.load(tmp_path / "nowhere")


def test_the_embedded_default_loads_and_is_small() -> None:
    bundle = Bundle.load()
    assert bundle.voices[0] == "heart" and len(bundle.voices) == 8
    assets = EMBEDDED.parent
    assert sum(p.stat().st_size for p in assets.rglob("*") if p.is_file()) < 40e6
    weights = [p for p in EMBEDDED.iterdir() if p.suffix not in (".json", ".md")]
    assert {p.suffix for p in weights} == {".safetensors"}
