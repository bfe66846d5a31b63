"""Cards of runs that earlier releases stored are read, and every value has its field's type."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from data_registry.storage.json_records import parse_record
from train.data.augmentation_settings import AugmentationSettings
from train.experiments.run_variant import VariantFacts
from train.experiments.runs import RunCard
from train.fitting.fit_config import FitConfig

# As version 0.1.0 wrote it, before attention, heads, variants and micro-batches were there.
EARLY: dict[str, Any] = {
    "run_id": "a" * 16, "version": "b" * 64, "arm": "with",
    "spec": {"name": "cnn", "weights": None, "model_args": {"widths": [4, 8]}, "input_size": 32,
             "mean": [0.5, 0.5, 0.5], "std": None, "dropout": 0.2, "freeze": False},
    "config": {"epochs": None, "max_steps": 4, "batch_size": 8, "learning_rate": 0.001,
               "augmentation": None, "seed": 1},
    "class_names": ["moon", "rose"],
    "preprocessing": {"height": 32, "width": 32, "resize_to": 36, "crop_mode": "center",
                      "interpolation": "bicubic", "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1]},
    "train_count": 8, "val_count": 2, "test_count": 2, "parameter_count": 1000,
    "fitted": {"history": [{"step": 4, "train_loss": 0.7, "train_accuracy": 0.5,
                            "val_loss": float("nan"), "val_accuracy": 0.5}],
               "best_step": 4, "steps": 4, "seconds": 1.5},
}  # fmt: skip


def encode(values: Any) -> bytes:
    return json.dumps(values, indent=1, default=str).encode()


def test_a_card_of_an_earlier_release_is_read() -> None:
    card = parse_record(RunCard, encode(EARLY))
    assert (card.spec.attention, card.spec.head, card.made) == ("none", "linear", {})
    assert card.spec.mean == (0.5, 0.5, 0.5)
    assert card.config == FitConfig(epochs=None, max_steps=4, batch_size=8, seed=1)
    assert card.fitted.history[0].step == 4
    assert parse_record(RunCard, encode(asdict(card))).spec == card.spec


@pytest.mark.parametrize(
    "facts",
    [
        VariantFacts(kind="bagging", number=2, seed=0),
        VariantFacts(kind="folds", number=1, folds=5, images=["c" * 64]),
        VariantFacts(kind="snapshots", number=1, before=""),
        VariantFacts(kind="distilled", teachers=["d" * 16], temperature=3, share=0.7),
    ],
)
def test_what_a_variant_was_made_of_is_read_back(facts: VariantFacts) -> None:
    assert parse_record(RunCard, encode({**EARLY, "made": facts})).made == facts


def test_augmentation_is_read_back() -> None:
    config = FitConfig(augmentation=AugmentationSettings(kind="randaugment", operations=3))
    assert parse_record(FitConfig, encode(asdict(config))) == config


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("run_id",), 7),
        (("spec", "attention"), "much"),
        (("spec", "mean"), [0.5, 0.5]),
        (("config", "batch_size"), "32"),
        (("config", "optimizer"), "sgd"),
        (("config", "augmentation"), {"kind": "crop", "rotations": 3}),
        (("preprocessing", "std"), [1, 1, "1"]),
        (("fitted", "history"), [{"step": 4}]),
        (("made",), {"kind": "stacked"}),
        (("made",), {"kind": "bagging", "count": 3}),
    ],
)
def test_a_wrong_value_is_named(place: tuple[str, ...], value: Any) -> None:
    card = json.loads(encode(EARLY))
    inner = card
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    with pytest.raises(ValueError, match=r"\.".join(place)):
        parse_record(RunCard, encode(card))
