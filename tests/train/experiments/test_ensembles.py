"""Ensembles: real bootstraps, cycles and folds; the mean of what members say; each against all."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_photos import Photos, drawn_photo

from data_registry.errors import InputError
from data_registry.storage.files import FileStore
from train.data.dataset import Dataset, Example
from train.experiments.cross_validation import Fitting, Folds
from train.experiments.ensemble_members import (
    Member,
    draw_bootstrap,
    train_bagged_members,
    train_fold_members,
    train_snapshots,
)
from train.experiments.ensembles import evaluate_ensemble
from train.experiments.runs import load_run, predict
from train.experiments.train_run import train_one
from train.fitting.fit_config import FitConfig
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

NAMES = ("circle", "square", "cross")
CNN = ModelSpec("cnn", model_args={"widths": [4, 8]}, input_size=32, dropout=0.0)
CONFIG = FitConfig(max_steps=12, batch_size=8, learning_rate=5e-3)
FITTING = Fitting(CNN, CONFIG)

Readings = list[tuple[str, str, int]]


@pytest.fixture
def dataset(photos: Photos) -> Dataset:
    def examples(seeds: range) -> tuple[Example, ...]:
        return tuple(
            Example(photos.add(drawn_photo(kind, seed)), kind, f"{kind}-{seed // 2}-{seeds.start}")
            for seed in seeds
            for kind in range(3)
        )

    train = examples(range(8))
    collected = frozenset(item.sha256 for item in train if item.group.split("-")[1] == "3")
    return Dataset(
        version="v" * 64,
        class_names=NAMES,
        train=train,
        val=examples(range(30, 33)),
        test=examples(range(40, 44)),
        collected=collected,
    )


@pytest.fixture
def readings() -> Readings:
    return []


@pytest.fixture
def context(photos: Photos, files: FileStore, readings: Readings) -> TrainingContext:
    return TrainingContext(
        files=files, read=photos.read, on_test_reading=lambda *told: readings.append(told)
    )


groups = st.lists(st.integers(0, 6), min_size=1, max_size=20)


@given(of=groups, seed=st.tuples(st.integers(0, 99), st.integers(0, 99)))
def test_a_bootstrap_draws_whole_groups_with_replacement(
    of: list[int], seed: tuple[int, int]
) -> None:
    examples = [Example(f"{place}", 0, f"g{group}") for place, group in enumerate(of)]
    drawn = draw_bootstrap(examples, seed)
    assert drawn == draw_bootstrap(examples[::-1], seed)
    times = {name: sum(item.sha256 == name for item in drawn) for name in map(str, range(len(of)))}
    for first in examples:
        for second in examples:
            if first.group == second.group:
                assert times[first.sha256] == times[second.sha256]
    per_group = {item.group: times[item.sha256] for item in examples}
    assert sum(per_group.values()) == len(per_group)


def test_about_a_third_of_the_groups_is_out_of_every_bag() -> None:
    examples = [Example(str(place), 0, str(place)) for place in range(1000)]
    share = (
        np.mean([len({i.group for i in draw_bootstrap(examples, (0, k))}) for k in range(20)])
        / 1000
    )
    assert share == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_bagging_is_compared_with_its_members(
    context: TrainingContext, dataset: Dataset, files: FileStore, readings: Readings
) -> None:
    members = train_bagged_members(context, dataset, FITTING, count=2, seed=0)
    assert [member.run.card.arm for member in members] == ["bag 1", "bag 2"]
    assert members[0].unseen != members[1].unseen
    assert all(member.unseen for member in members)
    found = evaluate_ensemble(context, dataset, "bagging", members)
    assert [told[2] for told in readings] == [12] * 3
    assert len({told[0] for told in readings}) == 3
    assert [one.name for one in found.members] == [m.run.card.run_id for m in members]

    rows = pd.read_parquet(
        io.BytesIO(files.read(f"ensembles/{found.together.name}/predictions.parquet"))
    )
    columns = [f"p:{name}" for name in NAMES]
    test = rows[rows["split"] == "test"].sort_values("sha256")
    said = [member.run.get_test_predictions()[columns].to_numpy() for member in members]
    assert test[columns].to_numpy() == pytest.approx(np.mean(said, axis=0), abs=1e-6)
    train = rows[rows["split"] == "train"]
    right = (train["true"] == train["predicted"]).mean()
    assert found.together.train_accuracy == pytest.approx(right)
    assert found.together.gap == pytest.approx(right - found.test.accuracy)
    best = min(found.members, key=lambda one: one.val_loss)
    assert found.best == best.name
    assert found.difference.interval.estimate == pytest.approx(
        found.test.accuracy - best.accuracy.estimate
    )
    assert "of 12 test images" in found.sentence

    again = train_bagged_members(context, dataset, FITTING, count=2, seed=0)
    assert evaluate_ensemble(context, dataset, "bagging", again) == found
    assert len(readings) == 3


def test_out_of_bag_counts_imported_images_and_fair_votes_alone(
    context: TrainingContext, dataset: Dataset
) -> None:
    members = train_bagged_members(context, dataset, FITTING, count=2, seed=1)
    found = evaluate_ensemble(context, dataset, "bagging", members)
    fair = {item.sha256 for item in dataset.train if item.sha256 not in dataset.collected}
    unseen = fair & (members[0].unseen | members[1].unseen)
    assert found.out_of_bag is not None
    right, count = found.out_of_bag
    assert count == len(unseen)
    tables = [
        m.run.predictions[m.run.predictions["split"] == "train"].set_index("sha256")
        for m in members
    ]
    columns = [f"p:{name}" for name in NAMES]
    hits = 0
    for name in unseen:
        votes = [
            table.loc[name, columns].to_numpy(float)
            for table, member in zip(tables, members, strict=True)
            if name in member.unseen
        ]
        hits += NAMES[int(np.sum(votes, axis=0).argmax())] == tables[0].loc[name, "true"]
    assert right == pytest.approx(hits / count)


def test_a_snapshot_begins_where_the_last_one_ended(
    context: TrainingContext, dataset: Dataset
) -> None:
    still = replace(CONFIG, learning_rate=1e-12, max_steps=6)
    members = train_snapshots(context, dataset, Fitting(CNN, still), count=3)
    assert [member.run.card.fitted.steps for member in members] == [2, 2, 2]
    heads = [
        load_run(context.files, m.run.card.run_id).classifier.head.state_dict()["weight"]
        for m in members
    ]
    assert heads[1].numpy() == pytest.approx(heads[0].numpy(), abs=1e-6)
    assert heads[2].numpy() == pytest.approx(heads[0].numpy(), abs=1e-6)
    moving = train_snapshots(context, dataset, FITTING, count=2)
    assert moving[1].run.card.made["before"] == moving[0].run.card.run_id
    assert evaluate_ensemble(context, dataset, "snapshots", moving).out_of_bag is None


def test_snapshots_need_steps_to_share_out(context: TrainingContext, dataset: Dataset) -> None:
    short = Fitting(CNN, replace(CONFIG, max_steps=2))
    with pytest.raises(InputError, match="3 snapshots share out"):
        train_snapshots(context, dataset, short, count=3)


def test_a_fold_member_never_sees_its_fold(context: TrainingContext, dataset: Dataset) -> None:
    named = [item for item in dataset.train if item.sha256 not in dataset.collected]
    parts = tuple(tuple(i for i in named if i.group.split("-")[1] in part) for part in ("01", "2"))
    folds = Folds(parts, dataset.val, NAMES)
    members = train_fold_members(
        context, dataset, FITTING, folds=folds, training_of=lambda _: dataset.train
    )
    assert [len(member.unseen) for member in members] == [12, 6]
    assert [member.run.card.train_count for member in members] == [12, 18]
    found = evaluate_ensemble(context, dataset, "folds", members)
    assert found.out_of_bag is not None
    assert found.out_of_bag[1] == 18


def test_different_models_vote(
    context: TrainingContext, dataset: Dataset, readings: Readings, photos: Photos
) -> None:
    other = ModelSpec("cnn", model_args={"widths": [8]}, input_size=40)
    runs = [train_one(context, dataset, spec, CONFIG) for spec in (CNN, other)]
    found = evaluate_ensemble(context, dataset, "vote", [Member(run) for run in runs])
    assert [one.model for one in found.members] == ["cnn", "cnn"]
    assert found.out_of_bag is None
    images = [photos.read(item.sha256) for item in dataset.train]
    truth = np.array([item.class_index for item in dataset.train])
    for run, one in zip(runs, found.members, strict=True):
        said = predict(load_run(context.files, run.card.run_id), images)
        assert one.train_accuracy == pytest.approx((said.argmax(1) == truth).mean())
    assert len(readings) == 3
    assert (Path(context.files.root) / "ensembles" / found.together.name / "card.json").exists()
