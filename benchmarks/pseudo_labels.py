"""Do pseudo-labels help? Jellyfish with 100 labelled originals, the other originals as the pool.

Repeated cross-validation over the originals, whole groups at a time: in each fold 100 originals
outside it are labelled, the rest is the pool, the product's own stages label it, and students that
differ in nothing but their training images are judged on the fold, and beside it on the study's
official valid and test. Teacher and student have different backbones.
"""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit

from benchmarks._common import find_shared_folder, run_benchmark
from benchmarks._pool_registry import Photographs, create_pool_registry
from benchmarks._real_sets import (
    LITE,
    MOBILE,
    build_backbone_spec,
    build_model_keys,
    publish_set,
    select_examples,
)
from data_registry.labels.decisions import Prediction
from data_registry.progress import SilentProgress
from data_registry.vocabulary import Verdict
from labeling.rounds.label import decide
from labeling.rounds.label_settings import LabelSettings, PolicyName
from labeling.rounds.round import gather_round
from labeling.teacher.teacher_spec import TeacherSpec
from train.data.dataset import Example, collect_labels
from train.data.pixel_cache import PixelCache
from train.evaluation.conclusions import describe_difference
from train.evaluation.intervals import compute_accuracy_interval, compute_wilson_interval
from train.experiments.champion_evaluation import Answers, compare_scores, score_answers
from train.experiments.model_inputs import ModelInputs
from train.fitting.fit_config import FitConfig
from train.models.models import build_model
from train.specs import ModelSpec
from train.tracking.context import TrainingContext

LABELLED, FOLDS, REPEATS = 100, 5, 3
ONLY, THRESHOLD, CERTIFIED = "labelled only", "+ threshold", "+ certified"
SOFT, SHUFFLED, TRUTH = "+ certified, soft labels", "+ certified, shuffled", "+ the truth"
STUDENT = FitConfig(max_steps=300, learning_rate=3e-3, patience=None)
Accepted = Mapping[str, Prediction]
Told = dict[str, list[dict[str, tuple[str, float]]]]  # arm to the answers of each repeat


@dataclass(frozen=True)
class World:
    """The originals that share no group with the official images, and those.

    Attributes:
        photographs: where they lie; its classes are in the order of the class indices.
        originals, official: their images, with groups.
        student: what is trained.
        context: where all images and their features are kept.
        teacher: how the pool is labelled.
    """

    photographs: Photographs
    originals: tuple[Example, ...]
    official: tuple[Example, ...]
    student: ModelSpec
    context: TrainingContext
    teacher: LabelSettings

    @property
    def classes(self) -> tuple[str, ...]:
        """Names."""
        return self.photographs.classes

    def class_of(self, item: Example) -> str:
        """Its true class."""
        return self.classes[item.class_index]


@dataclass(frozen=True)
class Fold:
    """Who is labelled, who is the pool, and who judges."""

    number: int
    repeat: int
    labelled: tuple[Example, ...]
    pool: tuple[Example, ...]
    held_out: tuple[Example, ...]


def measure(quick: bool) -> Mapping[str, Any]:
    """Accuracy of each arm, and the paired difference to labelled only, with intervals."""
    shared = find_shared_folder()
    if shared is None:
        return {"skipped": "the real photographs are not there: set EPHYRA_SHARED"}
    place = Path(tempfile.mkdtemp(prefix="ephyra-pseudo-"))
    photographs = shared / "data" / "jellyfish"
    groups = {"groups": {"name_patterns": ["aug-N-SRC"]}}
    with publish_set(place / "all", groups, photographs) as found:
        files, dataset = Photographs.of(photographs), found.dataset
        world = World(
            photographs=files,
            originals=tuple(
                e for e in dataset.train if not files.files[e.sha256].name.startswith("aug-")
            ),
            official=(*dataset.val, *dataset.test),
            student=ModelSpec(MOBILE, freeze=True, **build_model_keys(shared, MOBILE)),
            context=found.context,
            teacher=LabelSettings(
                TeacherSpec(build_backbone_spec(shared, LITE)),
                class_of_query={name: name for name in dataset.class_names},
            ),
        )
        folds = list(_split_folds(world))[: 1 if quick else None]
        return {"workspace": str(place), **_measure_folds(world, folds, place)}


def _measure_folds(world: World, folds: Sequence[Fold], place: Path) -> dict[str, Any]:
    on_fold, official = _create_table(), _create_table()
    accepted: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for fold in folds:
        labels = _label_pool(world, fold, place / f"fold-{fold.number}")
        for arm, training in _build_trainings(world, fold, labels).items():
            said = _train_student(world, training, [*fold.held_out, *world.official], fold.number)
            while len(on_fold[arm]) <= fold.repeat:
                on_fold[arm].append({})
            on_fold[arm][fold.repeat] |= {e.sha256: said[e.sha256] for e in fold.held_out}
            official[arm].append({e.sha256: said[e.sha256] for e in world.official})
        for arm, given in zip((THRESHOLD, CERTIFIED), labels, strict=True):
            accepted[arm].append(_count_right(world, fold, given))
    judged = {item.sha256 for fold in folds for item in fold.held_out}
    originals = [item for item in world.originals if item.sha256 in judged]
    return {
        "folds": len(folds),
        "ours": {
            "originals": _compare_arms(on_fold, originals, world.classes),
            "official valid and test": _compare_arms(official, world.official, world.classes),
            "accepted": {arm: _compute_precision(counts) for arm, counts in accepted.items()},
        },
        "peers": {},
        "goals": {},
    }


def _create_table() -> Told:
    return defaultdict(list)


def _split_folds(world: World) -> Iterable[Fold]:
    """Split folds: each original is held out once a repeat; 100 others are labelled."""
    items, classes = world.originals, collect_labels(world.originals)
    groups = [item.group for item in items]
    for repeat in range(REPEATS):
        deal = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=repeat)
        for k, (rest, held) in enumerate(deal.split(items, classes, groups)):
            number = repeat * FOLDS + k
            draw = StratifiedShuffleSplit(1, train_size=LABELLED, random_state=number)
            labelled, pool = next(draw.split(rest, classes[rest]))
            parts = (rest[labelled], rest[pool], held)
            yield Fold(number, repeat, *(select_examples(items, part) for part in parts))


def _label_pool(world: World, fold: Fold, folder: Path) -> tuple[Accepted, Accepted]:
    """Label the pool by the product's stages with the policies threshold and certified."""
    features = world.context.files.build_local_path("embeddings")
    with create_pool_registry(
        folder,
        world.photographs,
        labelled=fold.labelled,
        pool=fold.pool,
        seed=fold.number,
        features=features,
    ) as registry:
        found = gather_round(registry, world.teacher, SilentProgress())
    shutil.rmtree(folder)

    def accepted(policy: PolicyName) -> Accepted:
        decisions = decide(found, replace(world.teacher, policy=policy))
        names = [item.sha256 for item in decisions if item.verdict == Verdict.ACCEPTED]
        return {name: found.predictions[name] for name in names}

    return accepted("threshold"), accepted("certified")


def _build_trainings(
    world: World, fold: Fold, labels: tuple[Accepted, Accepted]
) -> dict[str, tuple[Example, ...]]:
    """Training images of each arm; only what is beside the labelled ones differs."""
    place = {name: index for index, name in enumerate(world.classes)}
    group = {item.sha256: item.group for item in fold.pool}

    def named(accepted: Accepted) -> list[Example]:
        return [
            Example(name, place[said.class_name], group[name])
            for name, said in sorted(accepted.items())
        ]

    threshold, certified = (named(accepted) for accepted in labels)
    soft = [
        replace(item, shares=tuple(labels[1][item.sha256].probabilities[c] for c in world.classes))
        for item in certified
    ]
    mixed = np.random.default_rng(fold.number).permutation([e.class_index for e in certified])
    shuffled = [
        replace(item, class_index=int(index)) for item, index in zip(certified, mixed, strict=True)
    ]
    beside = {
        ONLY: [],
        THRESHOLD: threshold,
        CERTIFIED: certified,
        SOFT: soft,
        SHUFFLED: shuffled,
        TRUTH: list(fold.pool),
    }
    return {arm: (*fold.labelled, *more) for arm, more in beside.items()}


def _train_student(
    world: World, training: Sequence[Example], asked: Sequence[Example], seed: int
) -> dict[str, tuple[str, float]]:
    """Fresh weights, as many steps in every arm: what it says, and its chance of the truth."""
    model = build_model(world.student, len(world.classes), seed)
    soft = any(item.shares for item in training)
    config = replace(STUDENT, seed=seed, soft_labels=soft)
    with PixelCache(world.context.read, SilentProgress()) as cache:
        inputs = ModelInputs(world.context, cache, model, frozen=True)
        inputs.fit(training, None, config)
        rows = inputs.predict(asked)
    return {
        item.sha256: (world.classes[int(row.argmax())], float(row[item.class_index]))
        for item, row in zip(asked, rows, strict=True)
    }


def _count_right(world: World, fold: Fold, accepted: Accepted) -> tuple[int, int, int]:
    """Count right images, accepted ones, and those of the pool."""
    truth = {item.sha256: world.class_of(item) for item in fold.pool}
    right = sum(truth[name] == said.class_name for name, said in accepted.items())
    return right, len(accepted), len(fold.pool)


def _compute_precision(counts: Sequence[tuple[int, int, int]]) -> dict[str, Any]:
    """Compute precision over all folds; pools overlap, so the interval counts one fold."""
    right, accepted, pool = (sum(column) for column in zip(*counts, strict=True))
    each = max(round(accepted / len(counts)), 1)
    interval = compute_wilson_interval(each * right / max(accepted, 1), each)
    return {
        "precision": round(right / max(accepted, 1), 4),
        "interval": [round(interval.low, 4), round(interval.high, 4)],
        "accepted of one fold": each,
        "share of the pool": round(accepted / pool, 4),
    }


def _compare_arms(
    told: Told, images: Sequence[Example], class_names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Accuracy by group bootstrap, and the paired difference to labelled only."""

    def scored(answers: Sequence[Answers]) -> Any:
        return score_answers(answers, images, class_names)

    base = scored(told[ONLY])
    rows = {}
    for arm, answers in told.items():
        scores = scored(answers)
        accuracy = compute_accuracy_interval(scores.correct, scores.groups)
        answer, difference = compare_scores(scores, base)
        words = describe_difference(difference, len(images), len(answers), "images")
        rows[arm] = {
            "accuracy": round(accuracy.estimate, 4),
            "interval": [round(accuracy.low, 4), round(accuracy.high, 4)],
            "images": len(images),
            "against labelled only": "" if arm == ONLY else f"{answer}: {words}",
        }
    return rows


if __name__ == "__main__":
    run_benchmark("pseudo_labels", measure)
