from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from jamflow_rt.avatar import Avatar
from jamflow_rt.cli import app
from jamflow_rt.codec.keypoint_map import load_mesh_map
from jamflow_rt.codec.keypoints import KeypointSpace
from jamflow_rt.codec.vocos import Vocos, VocosShape
from jamflow_rt.errors import Failed, InvalidInput
from jamflow_rt.model.checkpoint import save_checkpoint
from jamflow_rt.record import write_wav
from jamflow_rt.render.liveportrait.networks import LivePortraitNetworks
from jamflow_rt.weights.doctor import diagnose
from jamflow_rt.weights.finding import Finding
from jamflow_rt.weights.importing import Sources, changed_files, import_weights
from tests.toy_paper import LETTERS, SAID, paper_model, voice_sound


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Toy weights in the forms that the real ones are published in."""
    folder = tmp_path / "published"
    f5 = folder / "F5TTS_v1_Base"
    f5.mkdir(parents=True)
    head_64 = paper_model(motion=None, head_size=64)
    audio = {f"ema_model.transformer.{k}": v for k, v in head_64.audio.state_dict().items()}
    torch.save({"ema_model_state_dict": audio}, f5 / "model_1250000.pt")
    (f5 / "vocab.txt").write_text("\n".join(LETTERS) + "\n", "utf-8")
    torch.manual_seed(0)
    torch.save(Vocos(VocosShape(16, 24, 2)).state_dict(), folder / "pytorch_model.bin")
    LivePortraitNetworks.random(0, tiny=True).save(folder / "liveportrait.safetensors")
    write_wav(voice_sound(), folder / "me.wav")
    (folder / "me.txt").write_text(SAID, "utf-8")
    return folder


def sources(published: Path, **changes: object) -> Sources:
    given = {
        "vocab": published / "F5TTS_v1_Base" / "vocab.txt",
        "vocos": published / "pytorch_model.bin",
        "voice": published / "me.wav",
        "f5": published / "F5TTS_v1_Base" / "model_1250000.pt",
        "liveportrait": published / "liveportrait.safetensors",
        **changes,
    }
    return Sources(**given)  # type: ignore[arg-type]


def test_imported_weights_speak(published: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    told = import_weights(sources(published), output)
    assert "Motion-DiT (--joint) is missing: a mouth that moves" in told[0]
    assert any("model_1250000.pt is none of the published files" in line for line in told)
    manifest = json.loads((output / "manifest.json").read_text("utf-8"))
    names = {source["file"]: source["licence"] for source in manifest["sources"]}
    assert "CC-BY-NC" in names["model_1250000.pt"]
    assert str(tmp_path) not in (output / "manifest.json").read_text("utf-8")
    assert changed_files(output) == []
    # Others may read it, as they may what is written next to it.
    assert {path.stat().st_mode for path in output.iterdir()} == {
        (published / "me.txt").stat().st_mode
    }
    with Avatar.load(output, warm=False, device="cpu") as avatar:
        frames = list(avatar.render_speech("Hello there.", size=64))
    assert np.concatenate([frame.sound for frame in frames if frame.speech_id]).any()


def test_a_trained_checkpoint_takes_the_place_of_f5(published: Path, tmp_path: Path) -> None:
    save_checkpoint(paper_model(), tmp_path / "joint.safetensors")
    changes = {"f5": None, "joint": tmp_path / "joint.safetensors", "liveportrait": None}
    told = import_weights(sources(published, **changes), tmp_path / "bundle")
    assert "LivePortrait (--liveportrait) is missing" in told[0]
    with Avatar.load(tmp_path / "bundle", warm=False, device="cpu") as avatar:
        assert avatar.bundle.model.config.motion is not None


def test_the_motion_space_of_a_training_comes_along(published: Path, tmp_path: Path) -> None:
    run, output = tmp_path / "run", tmp_path / "bundle"
    run.mkdir()
    save_checkpoint(paper_model(), run / "model.safetensors")
    changes = {"f5": None, "joint": run / "model.safetensors", "liveportrait": None}
    (run / "motion.safetensors").write_bytes(b"no space")
    with pytest.raises(InvalidInput, match="motion.safetensors is no space"):
        import_weights(sources(published, **changes), output)
    assert not output.exists()
    mean, std = np.arange(12, dtype=np.float32), np.ones(12, np.float32)
    KeypointSpace(mean, std, load_mesh_map()).save(run / "motion.safetensors")
    import_weights(sources(published, **changes), output)
    learned = KeypointSpace.load(output / "motion.safetensors", load_mesh_map())
    np.testing.assert_array_equal(learned.mean, mean)


def test_what_does_not_fit_is_refused_and_nothing_is_written(
    published: Path, tmp_path: Path
) -> None:
    output = tmp_path / "bundle"
    with pytest.raises(InvalidInput, match="one of the two"):
        import_weights(sources(published, f5=None), output)
    (published / "short.txt").write_text(" \na\nb\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"short\.txt has 3 entries and the model reads"):
        import_weights(sources(published, vocab=published / "short.txt"), output)
    f5, vocos = sources(published).f5, published / "pytorch_model.bin"
    with pytest.raises(InvalidInput, match="no Vocos: it holds F5-TTS's network, for --f5"):
        import_weights(sources(published, vocos=f5), output)
    with pytest.raises(InvalidInput, match="no checkpoint of F5-TTS: it holds Vocos"):
        import_weights(sources(published, f5=vocos, version="v1"), output)
    with pytest.raises(InvalidInput, match="no checkpoint of JAM-Flow's training: it holds F5-TTS"):
        import_weights(sources(published, f5=None, joint=f5), output)
    (published / "me.txt").unlink()
    with pytest.raises(InvalidInput, match=r"must stand in .*me\.txt"):
        import_weights(sources(published), output)
    assert not output.exists()


def test_nothing_is_overwritten_and_nothing_half_made(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, given = tmp_path / "bundle", sources(published, liveportrait=None)
    (tmp_path / "bundle.part").mkdir()  # as a killed process leaves it
    import_weights(given, output)
    written = sorted(path.name for path in output.iterdir())
    with pytest.raises(InvalidInput, match="bundle is there already"):
        import_weights(given, output)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Vocos, "save", full)
    with pytest.raises(Failed, match="cannot be written to .*No space left"):
        import_weights(given, tmp_path / "another")
    assert sorted(path.name for path in output.iterdir()) == written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "published"]


def test_the_doctor_knows_what_is_there(published: Path, tmp_path: Path) -> None:
    output = tmp_path / "bundle"
    import_weights(sources(published, liveportrait=None), output)
    found = {finding.name: finding for finding in diagnose(output)}
    assert found["files"].ok and found["F5-TTS"].ok and found["Vocos"].ok
    assert found["LivePortrait"].ok is None and "KwaiVGI" in found["LivePortrait"].text
    (output / "vocab.txt").write_text(" \n", "utf-8")
    found = {finding.name: finding for finding in diagnose(output)}
    assert found["files"].ok is False and "vocab.txt" in found["files"].text


def test_the_doctor_tells_licences_places_and_hashes_without_a_bundle() -> None:
    found = {finding.name: finding for finding in diagnose()}
    assert "CC-BY-NC-4.0" in found["F5-TTS"].text and "SHA-256 670900fd" in found["F5-TTS"].text
    assert "InsightFace" in found["LivePortrait"].text and "not used" in found["LivePortrait"].text
    assert found["model of the package"].ok


def test_a_landmarker_that_is_named_and_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAMFLOW_FACE_LANDMARKER", str(tmp_path / "none.task"))
    found = {finding.name: finding for finding in diagnose()}["face landmarker"]
    assert found.ok is False and "JAMFLOW_FACE_LANDMARKER names" in found.text


def test_on_the_command_line(published: Path, tmp_path: Path) -> None:
    given = sources(published)
    output = tmp_path / "bundle"
    arguments = ["import", "-o", output, "--vocab", given.vocab, "--vocos", given.vocos]
    arguments += ["--voice", given.voice, "--f5", given.f5]
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    assert "LivePortrait (--liveportrait) is missing" in result.stderr
    result = CliRunner().invoke(app, ["doctor", "--model", str(output)])
    assert result.exit_code == 0 and str(output) in result.stdout
    result = CliRunner().invoke(app, ["voices", "--model", str(output)])
    assert result.stdout == "me\tas me.wav sounds\n"
    result = CliRunner().invoke(app, ["voices", "--model", str(published)])
    assert result.exit_code == 2 and "`jamflow-rt import` makes one" in result.stderr
    (output / "vocab.txt").unlink()
    assert CliRunner().invoke(app, ["doctor", "--model", str(output)]).exit_code == 1


def test_what_the_doctor_says_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Finding("mediapipe", None, 'not installed: pip install "jamflow-rt[portrait]"')
    monkeypatch.setattr("jamflow_rt.weights.doctor.diagnose", lambda *given: [told])
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0 and '"jamflow-rt[portrait]"' in result.stdout
