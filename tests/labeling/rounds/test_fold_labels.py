"""Machine-made classes for a fold: its own teacher never saw it, and leaves no trace."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from labelled_pictures import TINTS, Bay, jpeg, labelled, picture, settings

from data_registry.ingest.importing import import_folder
from data_registry.registry import Registry
from data_registry.verification.digest import compute_canonical_digest
from data_registry.versions.split_settings import SplitSettings
from data_registry.versions.splits import assign_splits
from labeling.rounds.fold_labels import predict_fold_labels
from labeling.rounds.label import label_pool
from labeling.teacher.labelled import load_labelled_images

PER_CLASS = 8


def bay_with(registry: Registry, folder: Path, held_out_as: Mapping[str, str]) -> Bay:
    """Pictures of every tint; the first two of each are filed under the class given."""
    for name in TINTS:
        for seed in range(PER_CLASS + 2):
            split = "train" if seed < PER_CLASS else ("val", "test")[seed - PER_CLASS]
            place = folder / split / (held_out_as[name] if seed < 2 else name)
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{name}-{seed}.jpg").write_bytes(picture(name, seed))
    import_folder(registry, folder)
    bay = Bay(registry)
    bay.regroup()
    assign_splits(registry, SplitSettings())
    for index, name in enumerate(TINTS):
        bay.collect([jpeg(name, 5000 + index * 100 + number) for number in range(4)])
    return bay


def first_two(registry: Registry) -> set[str]:
    names = {hashlib.sha256(picture(name, seed)).hexdigest() for name in TINTS for seed in range(2)}
    assert names <= set(load_labelled_images(registry).sha256)
    return names


def test_what_the_held_out_images_are_called_changes_nothing(tmp_path: Path) -> None:
    """The same pictures, once named rightly and once wrongly: the whole teacher notices."""
    turned = dict(zip(TINTS, [*list(TINTS)[1:], next(iter(TINTS))], strict=True))
    found, whole = [], []
    for number, names in enumerate(({name: name for name in TINTS}, turned)):
        folder = tmp_path / f"set {number}"
        with Registry.open(tmp_path / f"workspace {number}") as registry:
            bay_with(registry, folder, names)
            held_out = first_two(registry)
            found.append(predict_fold_labels(registry, settings(threshold=0.6), held_out))
            whole.append(label_pool(registry, settings(threshold=0.6)).teacher_id)
    assert found[0] == found[1]
    assert len(found[0]) >= 6
    assert whole[0] != whole[1]


def test_nothing_is_recorded(registry: Registry, tmp_path: Path) -> None:
    bay_with(registry, tmp_path / "set", {name: name for name in TINTS})
    label_pool(registry, settings())
    before, files = compute_canonical_digest(registry), registry.files.list("out_of_fold")
    predict_fold_labels(registry, settings(), first_two(registry))
    assert compute_canonical_digest(registry) == before
    assert registry.files.list("out_of_fold") == files


def test_too_few_images_outside_the_fold_label_nothing(registry: Registry, tmp_path: Path) -> None:
    bay_with(registry, tmp_path / "set", {name: name for name in TINTS})
    images = load_labelled_images(registry)
    blue = [n for n, k in zip(images.sha256, images.classes, strict=True) if k == 0]
    assert predict_fold_labels(registry, settings(), blue[1:]) == {}


def test_groups_go_with_their_images() -> None:
    images = labelled([0, 0, 1, 1, 0], ["a", "a", "b", "c", "d"])
    left = images.exclude_images([images.sha256[0]])
    assert left.groups == ("b", "c", "d")
    assert not left.can_be_folded
    assert images.can_be_folded
