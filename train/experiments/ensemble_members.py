"""The members of an ensemble: each is a run, trained on its own draw, fold or cycle."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data_registry.errors import InputError
from train.data.dataset import Dataset, Example
from train.data.pixel_cache import PixelCache
from train.experiments.cross_validation import Fitting, Folds, TrainingOf, exclude_held_out
from train.experiments.run_variant import RunVariant, VariantFacts
from train.experiments.runs import Run
from train.experiments.train_run import train_variant
from train.tracking.context import TrainingContext

MEMBER = "member of an ensemble"


@dataclass(frozen=True)
class Member:
    """A member, and what it did not learn from.

    Attributes:
        run: trained and kept.
        unseen: SHA-256 of the training images that it never saw.
    """

    run: Run
    unseen: frozenset[str] = frozenset()


def train_bagged_members(
    context: TrainingContext, dataset: Dataset, fitting: Fitting, *, count: int, seed: int
) -> list[Member]:
    """Members that each learn from their own bootstrap of the training groups.

    Source: L. Breiman (1996), Bagging predictors. Groups are drawn, not images: copies of one
    photograph are no independent draws. About 37 % of the groups are left out of each.

    Args:
        context: files, images, callbacks.
        dataset: its train split is drawn from.
        fitting: the same for all, but for the seed.
        count: of members.
        seed: of the draws; member k begins with a seed of its own.
    """
    members = []
    with PixelCache(context.read, context.progress) as cache:
        for number in range(1, count + 1):
            drawn = draw_bootstrap(dataset.train, (seed, number))
            made = VariantFacts(kind="bagging", number=number, seed=seed)
            variant = RunVariant(made, also_predicted=dataset.train)
            taught = _replace_training(dataset, drawn)
            arm = f"bag {number}"
            run = _train_member(
                cache, context, taught, _seed_member(fitting, number), arm=arm, variant=variant
            )
            seen = {item.sha256 for item in drawn}
            members.append(Member(run, frozenset(_list_names(dataset.train) - seen)))
    return members


def draw_bootstrap(examples: Sequence[Example], seed: Sequence[int]) -> tuple[Example, ...]:
    """As many groups as there are, drawn with replacement, each with all of its images."""
    of_group: dict[str, list[Example]] = {}
    for item in sorted(examples, key=lambda item: item.sha256):
        of_group.setdefault(item.group, []).append(item)
    groups = sorted(of_group)
    drawn = np.random.default_rng(seed).integers(len(groups), size=len(groups))
    return tuple(item for place in drawn for item in of_group[groups[place]])


def train_fold_members(
    context: TrainingContext,
    dataset: Dataset,
    fitting: Fitting,
    *,
    folds: Folds,
    training_of: TrainingOf,
) -> list[Member]:
    """Members that each learn from all folds but one, with fresh weights.

    Args:
        context: files, images, callbacks.
        dataset: val and test of it are used.
        fitting: the same for all, but for the seed.
        folds, training_of: as for `train.cross_validation.cross_validate`.
    """
    members, count = [], len(folds.held_out)
    with PixelCache(context.read, context.progress) as cache:
        for number, held_out in enumerate(folds.held_out, start=1):
            kept = exclude_held_out(training_of(held_out), held_out)
            images = sorted(_list_names(kept))
            made = VariantFacts(kind="folds", number=number, folds=count, images=images)
            variant = RunVariant(made, also_predicted=dataset.train)
            arm = f"fold {number} of {count}"
            taught = _replace_training(dataset, kept)
            run = _train_member(
                cache, context, taught, _seed_member(fitting, number), arm=arm, variant=variant
            )
            members.append(Member(run, frozenset(_list_names(held_out))))
    return members


def train_snapshots(
    context: TrainingContext, dataset: Dataset, fitting: Fitting, *, count: int
) -> list[Member]:
    """Members that are one training's states: the rate falls to zero and begins again.

    Source: G. Huang et al. (2017), Snapshot Ensembles: Train 1, Get M for Free. The steps of the
    fitting are shared out; each cycle begins with the weights at the end of the one before.

    Raises:
        InputError: the fitting has no end, or fewer steps than cycles.
    """
    steps = fitting.config.count_steps(len(dataset.train)) or 0
    if steps < count:
        raise InputError(
            f"{count} snapshots share out the steps of one training, and this one has "
            f"{steps or 'no end'}: set steps or epochs in its [[train.models]]"
        )
    config = replace(
        fitting.config,
        max_steps=steps // count,
        schedule="cosine",
        warmup_share=0.0,
        patience=None,
        head_steps=0,
    )
    cycle = replace(fitting, config=config)
    members: list[Member] = []
    with PixelCache(context.read, context.progress) as cache:
        for number in range(1, count + 1):
            before = members[-1].run.card.run_id if members else ""
            made = VariantFacts(kind="snapshots", number=number, before=before)
            variant = RunVariant(made, before, also_predicted=dataset.train)
            arm = f"snapshot {number}"
            run = _train_member(
                cache, context, dataset, _seed_member(cycle, number), arm=arm, variant=variant
            )
            members.append(Member(run))
    return members


def _train_member(
    cache: PixelCache,
    context: TrainingContext,
    dataset: Dataset,
    fitting: Fitting,
    *,
    arm: str,
    variant: RunVariant,
) -> Run:
    return train_variant(
        cache,
        context,
        dataset,
        fitting.spec,
        fitting.config,
        arm=arm,
        purpose=MEMBER,
        variant=variant,
    )


def _seed_member(fitting: Fitting, number: int) -> Fitting:
    """Give the fitting the member's own seed."""
    return replace(fitting, config=replace(fitting.config, seed=fitting.config.seed + number))


def _replace_training(dataset: Dataset, training: Sequence[Example]) -> Dataset:
    """Replace the training images; those that were not imported count as collected."""
    imported = _list_names(dataset.drop_collected().train)
    return replace(
        dataset, train=tuple(training), collected=frozenset(_list_names(training) - imported)
    )


def _list_names(examples: Sequence[Example]) -> set[str]:
    return {item.sha256 for item in examples}
