import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_photos import TINY, Photos, drawn_photo

from data_registry.errors import InputError, RuleError, StorageError
from data_registry.storage.files import FileStore
from train.choices import RANDOM
from train.data.dataset import Dataset, Example
from train.experiments.arms import compare_arms, compare_runs, compute_run_accuracy
from train.experiments.runs import load_run, predict, read_run
from train.experiments.train_run import train_one
from train.fitting.fit import FitConfig
from train.models.backbones import load_backbone
from train.models.models import build_backbone_spec
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

NAMES = ("circle", "square", "cross")
CNN = ModelSpec("cnn", model_args={"widths": [8, 16, 32]}, input_size=32, dropout=0.1)
FROZEN = ModelSpec(
    "tf_efficientnetv2_b0", weights=RANDOM, model_args=TINY, input_size=32, freeze=True
)
CONFIG = FitConfig(epochs=2, batch_size=8, learning_rate=5e-3)

Readings = list[tuple[str, str, int]]


def examples(photos: Photos, seeds: range) -> tuple[Example, ...]:
    return tuple(
        Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed}")
        for seed in seeds
        for kind in range(3)
    )


@pytest.fixture
def dataset(photos: Photos) -> Dataset:
    own, more = examples(photos, range(3)), examples(photos, range(10, 24))
    return Dataset(
        version="v" * 64,
        class_names=NAMES,
        train=own + more,
        val=examples(photos, range(30, 34)),
        test=examples(photos, range(40, 48)),
        collected=frozenset(example.sha256 for example in more),
    )


@pytest.fixture
def readings() -> Readings:
    return []


@pytest.fixture
def context(photos: Photos, files: FileStore, readings: Readings) -> TrainingContext:
    def note(run_id: str, purpose: str, image_count: int) -> None:
        readings.append((run_id, purpose, image_count))

    return TrainingContext(files=files, read=photos.read, on_test_reading=note)


def test_arms_differ_in_their_images_alone(
    context: TrainingContext, dataset: Dataset, readings: Readings
) -> None:
    comparison = compare_arms(context, dataset, CNN, CONFIG, target=0.85)
    assert comparison.steps == 2 * (51 // 8)
    assert {run.card.fitted.steps for run in comparison.runs} == {comparison.steps}
    assert [run.card.config.seed for run in comparison.runs] == [0, 1, 2, 0, 1, 2]
    assert {run.card.train_count for run in comparison.without.runs} == {9}
    assert {run.card.train_count for run in comparison.with_collected.runs} == {51}
    tested = [run.get_test_predictions()["sha256"].tolist() for run in comparison.runs]
    assert all(names == tested[0] for names in tested)
    assert sorted(tested[0]) == sorted(example.sha256 for example in dataset.test)
    assert (comparison.image_count, comparison.group_count) == (24, 24)
    assert "of 24 test images" in comparison.sentence
    assert len(comparison.warnings) == 1
    assert comparison.with_collected.goal is not None
    assert {(purpose, count) for _, purpose, count in readings} == {("comparison of arms", 24)}
    assert len({run_id for run_id, _, _ in readings}) == len(readings) == 6


def test_a_second_comparison_trains_nothing_and_reads_no_test(
    context: TrainingContext, dataset: Dataset, readings: Readings, photos: Photos
) -> None:
    first = compare_arms(context, dataset, FROZEN, CONFIG)
    readings.clear()
    photos.reads.clear()
    second = compare_arms(context, dataset, FROZEN, CONFIG)
    assert second.sentence == first.sentence
    assert second.difference == first.difference
    assert readings == photos.reads == []


def test_a_frozen_backbone_computes_each_image_once_for_all_runs(
    context: TrainingContext, dataset: Dataset, photos: Photos, tmp_path: Path
) -> None:
    saved = tmp_path / "saved.pth"
    torch.save(load_backbone(build_backbone_spec(FROZEN, 0)).module.state_dict(), saved)
    spec = replace(FROZEN, weights=str(saved))
    comparison = compare_arms(context, dataset, spec, CONFIG)
    every = dataset.train + dataset.val + dataset.test
    assert sorted(photos.reads) == sorted(example.sha256 for example in every)
    before = load_backbone(build_backbone_spec(FROZEN, 0)).module.state_dict()
    trained = load_run(context.files, comparison.without.runs[0].card.run_id)
    after = trained.backbone.module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("spec", [CNN, FROZEN])
def test_a_run_s_model_comes_back_and_predicts_the_same(
    spec: ModelSpec, context: TrainingContext, dataset: Dataset, photos: Photos
) -> None:
    run = train_one(context, dataset, spec, CONFIG)
    model = load_run(context.files, run.card.run_id)
    rows = run.get_test_predictions()
    probabilities = predict(model, [photos.data[name] for name in rows["sha256"]])
    stored = rows[[f"p:{name}" for name in NAMES]].to_numpy()
    assert model.class_names == NAMES
    assert np.allclose(probabilities, stored, atol=1e-6)
    assert predict(model, []).shape == (0, 3)


def test_a_run_keeps_what_it_was_made_of(context: TrainingContext, dataset: Dataset) -> None:
    run = train_one(context, dataset, CNN, CONFIG)
    back = read_run(context.files, run.card.run_id)
    assert back.card == run.card
    assert back.test == run.test
    assert back.predictions.equals(run.predictions)
    assert compute_run_accuracy(back).estimate == pytest.approx(run.test.accuracy)
    stored = {Path(path).name for path in context.files.list(f"runs/{run.card.run_id}")}
    assert stored == {"model.safetensors", "card.json", "metrics.json", "predictions.parquet"}
    card = json.loads(context.files.read(f"runs/{run.card.run_id}/card.json"))
    assert card["class_names"] == list(NAMES)
    assert card["fitted"]["history"][0]["step"] > 0


def test_the_same_seed_gives_the_same_run_in_another_workspace(
    context: TrainingContext, dataset: Dataset, tmp_path: Path
) -> None:
    other = replace(context, files=FileStore(str(tmp_path / "other")))
    one, two = (train_one(place, dataset, CNN, CONFIG) for place in (context, other))
    assert one.card.run_id == two.card.run_id
    assert one.predictions.equals(two.predictions)
    path = f"runs/{one.card.run_id}/model.safetensors"
    assert context.files.read(path) == other.files.read(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda spec, config: (replace(spec, dropout=0.5), config),
        lambda spec, config: (spec, replace(config, seed=1)),
        lambda spec, config: (spec, replace(config, learning_rate=1e-4)),
        lambda spec, config: (replace(spec, input_size=48), config),
    ],
)
def test_anything_that_matters_gives_another_run(
    change: Callable[[ModelSpec, FitConfig], tuple[ModelSpec, FitConfig]],
    context: TrainingContext,
    dataset: Dataset,
) -> None:
    config = replace(CONFIG, max_steps=1)
    first = train_one(context, dataset, FROZEN, config)
    other = train_one(context, dataset, *change(FROZEN, config))
    assert first.card.run_id != other.card.run_id


def test_a_run_killed_before_its_card_is_made_again(
    context: TrainingContext, dataset: Dataset
) -> None:
    run = train_one(context, dataset, FROZEN, CONFIG)
    context.files.delete(f"runs/{run.card.run_id}/card.json")
    with pytest.raises(StorageError, match="no finished run"):
        load_run(context.files, run.card.run_id)
    again = train_one(context, dataset, FROZEN, CONFIG)
    assert again.predictions.equals(run.predictions)


def test_weights_of_a_run_teach_the_next(context: TrainingContext, dataset: Dataset) -> None:
    first = train_one(context, dataset, replace(FROZEN, freeze=False), CONFIG)
    path = context.files.build_local_path(f"runs/{first.card.run_id}/model.safetensors")
    second = train_one(context, dataset, replace(FROZEN, weights=str(path)), CONFIG)
    assert second.card.spec.weights == str(path)
    assert second.card.run_id != first.card.run_id


def test_too_few_seeds_and_nothing_collected_are_refused(
    context: TrainingContext, dataset: Dataset
) -> None:
    with pytest.raises(InputError, match="at least 3"):
        compare_arms(context, dataset, CNN, CONFIG, seeds=(1, 2, 2))
    with pytest.raises(InputError, match="no collected images"):
        compare_arms(context, dataset.drop_collected(), CNN, CONFIG)
    everything = frozenset(example.sha256 for example in dataset.train)
    with pytest.raises(InputError, match="arm without them is empty"):
        compare_arms(context, replace(dataset, collected=everything), CNN, CONFIG)


def test_runs_with_other_test_images_are_not_compared(
    context: TrainingContext, dataset: Dataset
) -> None:
    shorter = replace(dataset, version="w" * 64, test=dataset.test[:9])
    one, two = (train_one(context, data, FROZEN, CONFIG) for data in (dataset, shorter))
    with pytest.raises(InputError, match="different images"):
        compare_runs([one], [two])


def test_a_dataset_that_leaks_or_lacks_is_refused(dataset: Dataset) -> None:
    with pytest.raises(RuleError, match=r"1 group in two splits.*0-40"):
        replace(dataset, val=(*dataset.val, replace(dataset.test[0], sha256="new")))
    with pytest.raises(RuleError, match="collected images enter train only"):
        replace(dataset, collected=frozenset([dataset.test[0].sha256]))
    with pytest.raises(InputError, match="the val split"):
        replace(dataset, val=())
    with pytest.raises(InputError, match="at least 2 classes"):
        replace(dataset, class_names=("one",))


def test_collected_images_of_a_class_that_was_missing_help(
    context: TrainingContext, dataset: Dataset
) -> None:
    new = frozenset(example.sha256 for example in dataset.train if example.class_index == 2)
    config = FitConfig(epochs=4, batch_size=16, learning_rate=5e-3, class_weights=True)
    comparison = compare_arms(context, replace(dataset, collected=new), CNN, config)
    assert comparison.answer == "better"
    assert comparison.difference.interval.low > 0
    assert "images more" in comparison.sentence


@pytest.mark.real_data
def test_more_real_photos_help_a_frozen_real_backbone(
    context: TrainingContext, photos: Photos, shared: Path
) -> None:
    folder = shared / "data" / "pizza_steak_sushi"
    names = sorted(path.name for path in (folder / "train").iterdir() if path.is_dir())

    def examples_of(split: str) -> list[Example]:
        return [
            Example(photos.add(path.read_bytes()), index, path.stem)
            for index, name in enumerate(names)
            for path in sorted((folder / split / name).iterdir())
        ]

    train = examples_of("train")
    val, rest = train[::5], [example for place, example in enumerate(train) if place % 5]
    own = {example.sha256 for example in rest[::30]}
    dataset = Dataset(
        version="p" * 64,
        class_names=tuple(names),
        train=tuple(rest),
        val=tuple(val),
        test=tuple(examples_of("test")),
        collected=frozenset(example.sha256 for example in rest) - own,
    )
    weights = shared / "weights" / "tf_efficientnet_lite0_backbone.pth"
    spec = ModelSpec("tf_efficientnet_lite0", weights=str(weights), freeze=True)
    comparison = compare_arms(context, dataset, spec, FitConfig(epochs=15, learning_rate=3e-3))
    assert comparison.answer == "better"
    assert comparison.with_collected.accuracy.estimate > 0.85
    assert comparison.image_count == 75
