"""Study files: what is accepted, and what each mistake says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nerdistill.errors import AssetError, ConfigError
from nerdistill.study.graph import Graph
from nerdistill.study.load import load_study
from nerdistill.study.phases import PHASES, build_curve, regimens

if TYPE_CHECKING:
    from nerdistill.study.config import StudyConfig

STUDY = """
name = "tiny"
title = "A tiny study"
[corpora.human]
path = "human.jsonl"
[corpora.web]
path = "web.jsonl"
[teacher]
corpora = ["web"]
[original]
corpus = "human"
budgets = [4]
[validation]
corpus = "human"
[test]
corpus = "human"
[student]
path = "student"
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A correct study file."""
    path = tmp_path / "study.toml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def test_defaults_are_filled_in(study: Path) -> None:
    """A minimal file runs all three phases on one seed."""
    config = load_study(study)
    assert config.phases == [1, 2, 3]
    assert config.seeds == [1]
    assert config.training.steps == 400


def test_settings_are_laid_over(study: Path) -> None:
    """`--set` reads TOML values, and takes anything else as a plain string."""
    config = load_study(
        study, ["training.steps=7", "seeds=[3, 4]", "student.path=models/other", "data.root=.."]
    )
    assert (config.training.steps, config.seeds) == (7, [3, 4])
    assert (config.student.path, config.data.root) == ("models/other", "..")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("training.stepz=7", ["training.stepz", "unknown key", "Did you mean steps?"]),
        ('unlabeled=["human"]', ["unknown key unlabeled", "Did you mean unlabelled?"]),
        ("wholly_other=1", ["unknown key wholly_other", ". Remove it"]),
        ("training.steps=many", ["training.steps", "'many'"]),
        ("training.steps=0", ["training.steps", "greater than 0"]),
        ('original.budgets=["most"]', ["original.budgets.0: ", "integer", ", or ", "'all'"]),
        ("teacher.base_url=5", ["teacher.base_url: "]),
        ("phases=[7]", ["phases"]),
        ("mean_share=1.5", ["mean_share"]),
        ("test.corpus=nowhere", ["test.corpus", "nowhere", "human, web"]),
        ('teacher.ceiling=["human"]', ["teacher.ceiling", "human"]),
        ('unlabelled=["nowhere"]', ["unlabelled", "nowhere", "human, web"]),
        ('unlabelled=["human"]', ["unlabelled", "human", "chooses or scores"]),
        ('unlabelled=["web"]', ["unlabelled", "web", "the teacher labels"]),
        ("name.first=x", ["name", "no table"]),
        ("steps", ["key=value"]),
    ],
)
def test_mistakes_are_one_clear_line(study: Path, setting: str, words: list[str]) -> None:
    """Each mistake names the key, and fits on one line."""
    with pytest.raises(ConfigError) as caught:
        load_study(study, [setting])
    line = str(caught.value)
    assert "\n" not in line
    assert all(word in line for word in words), line


def test_a_capped_validation_leaves_its_corpus_to_others(study: Path) -> None:
    """It is drawn from the original sample, so the corpus beside it measures nothing."""
    settings = ["validation.labels=capped", 'corpora.test={path="t"}', "test.corpus=test"]
    assert load_study(study, [*settings, 'unlabelled=["human"]']).unlabelled == ["human"]


def test_broken_toml_names_file_and_line(study: Path) -> None:
    """A syntax error says where it is."""
    study.write_text('name = "x\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"study\.toml.*line 1"):
        load_study(study)


def test_missing_study_is_told_at_once(tmp_path: Path) -> None:
    """A mistyped path is no hub lookup."""
    with pytest.raises(AssetError, match="does not exist"):
        load_study(tmp_path / "nothing.toml")


def test_bundled_studies_are_valid() -> None:
    """Every study that ships can be loaded."""
    folder = Path(__file__).parents[2] / "offline_assets" / "studies"
    names = {load_study(path).name for path in folder.glob("*.toml")}
    assert {"demo", "conll-bbc", "conll-noisebench"} <= names


def _config(study: Path, *settings: str) -> StudyConfig:
    return load_study(study, settings)


def test_a_name_means_one_regimen_in_every_phase() -> None:
    """Phases that share a regimen share its definition, so that it is trained once."""
    named = [(regimen.name, regimen) for members in PHASES.values() for regimen in members]
    for name, regimen in named:
        assert all(other == regimen for same, other in named if same == name)


def test_regimens_know_their_phases(study: Path) -> None:
    """Simple Mix belongs to phases 2 and 3; what has no data is left out."""
    found = regimens(_config(study))
    assert found["simple-mix"][1] == (2, 3)
    assert found["original"][1] == (1, 2)
    assert "gold-ceiling" not in found
    assert "distilled-apart" not in found


def test_unknown_regimen_lists_the_known(study: Path) -> None:
    """A mistyped regimen is answered with the choice."""
    with pytest.raises(ConfigError, match=r"'simple'.*simple-mix"):
        regimens(_config(study, 'regimens=["simple"]'))
    with pytest.raises(ConfigError) as caught:
        regimens(_config(study, 'regimens=["simplemix"]'))
    assert str(caught.value.hint).startswith("Did you mean simple-mix? Choose among")


def test_a_regimen_without_its_data_tells_what_brings_them(study: Path) -> None:
    """It belongs to the phase, so that another phase would not help."""
    with pytest.raises(ConfigError, match="has its data") as caught:
        regimens(_config(study, "phases=[5]", 'regimens=["committee-unlabelled"]'))
    assert "unlabelled" in str(caught.value.hint)


def test_own_curves_join_phase_three(study: Path) -> None:
    """A curve from the file is a regimen like the built-in ones, but may not take their names."""
    own = 'curves=[{name="late", kind="power", parameters={exponent=0.1}, mean_share=0.3}]'
    assert regimens(_config(study, own))["late"][1] == (3,)
    with pytest.raises(ConfigError, match="is taken"):
        regimens(_config(study, own.replace("late", "cosine")))


@pytest.mark.parametrize("name", ["sigmoid", "power-2", "power-0.5", "linear", "exponential"])
def test_phase_three_spends_one_mean_share(study: Path, name: str) -> None:
    """No curve of phase 3 wins by showing more gold."""
    from nerdistill.blend.curve import mean_share

    regimen, _ = regimens(_config(study))[name]
    curve = build_curve(regimen.spec(0.4), original=10, distilled=90)
    assert mean_share(curve) == pytest.approx(0.4, abs=1e-3)


def test_natural_mix_follows_the_pools(study: Path) -> None:
    """The natural mix shows both pools as often as they are large."""
    regimen, _ = regimens(_config(study))["mixed-natural"]
    curve = build_curve(regimen.spec(0.5), original=10, distilled=90)
    assert curve.distilled_share(0.3) == pytest.approx(0.9)


SOURCE = """
[sources."models/far"]
hub = "some-team/far-bert"
revision = "{revision}"
{more}
"""
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def _with_source(study: Path, revision: str = COMMIT, more: str = "") -> Path:
    study.write_text(STUDY + SOURCE.format(revision=revision, more=more), encoding="utf-8")
    return study


def test_sources_are_read(study: Path) -> None:
    """A source pins a repository to a commit; a model, where nothing else is said."""
    source = load_study(_with_source(study)).sources["models/far"]
    assert (source.hub, source.revision, source.kind) == ("some-team/far-bert", COMMIT, "model")


@pytest.mark.parametrize(
    ("revision", "more", "words"),
    [
        ("main", "", ["'main' is no commit", "40 hexadecimal digits", "models/far"]),
        (COMMIT[:12], "", ["is no commit"]),
        (COMMIT, 'config = "en"', ["only a dataset has configurations"]),
        (COMMIT, 'kind = "space"', ["sources.models/far.kind"]),
        (COMMIT, 'token = "x"', ["unknown key sources.models/far.token"]),
    ],
)
def test_sources_that_are_refused(study: Path, revision: str, more: str, words: list[str]) -> None:
    """A branch or tag is no revision, and what a source does not know is told."""
    with pytest.raises(ConfigError) as caught:
        load_study(_with_source(study, revision, more))
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("setting", ["student.path=models/far", "student.path=models/far/part"])
def test_what_is_missing_names_its_source(study: Path, setting: str) -> None:
    """A run never downloads; its error says what does."""
    with pytest.raises(AssetError) as caught:
        Graph(_config(_with_source(study), setting))
    assert "'models/far" in caught.value.message
    assert "`nerdistill bundle create` fetches it" in caught.value.hint
    assert "some-team/far-bert" in caught.value.hint


def test_missing_data_name_their_source(study: Path, tmp_path: Path) -> None:
    """A source is found by the path with `data.root` and without, and by a missing root."""
    (tmp_path / "student").mkdir()
    for root, name in (("far", "far/news"), (str(tmp_path), "far")):
        source = SOURCE.replace("models/far", name).format(revision=COMMIT, more='kind="dataset"')
        study.write_text(STUDY + source, encoding="utf-8")
        settings = ("news/train.parquet", "far/train.parquet")[root != "far"]
        with pytest.raises(AssetError, match="some-team/far-bert"):
            Graph(
                _config(
                    study,
                    f"student.path={tmp_path / 'student'}",
                    f"data.root={root}",
                    f"corpora.web.path={settings}",
                )
            ).corpus("web")
