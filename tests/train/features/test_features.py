from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from small_photos import Photos, drawn_photo

from data_registry.errors import ImageError, StorageError
from data_registry.storage.files import FileStore
from train.choices import RANDOM
from train.features.feature_store import SHARD_SIZE, FeatureStore
from train.features.features import extract_features
from train.models.backbones import load_backbone
from train.specs import BackboneSpec


@pytest.fixture
def names(photos: Photos) -> list[str]:
    return [photos.add(drawn_photo(seed % 3, seed)) for seed in range(40)]


class Counting:
    def __init__(self) -> None:
        self.events: list[tuple[str, int | None]] = []

    def start(self, what: str, total: int | None) -> None:
        self.events.append((what, total))

    def advance(self, count: int = 1) -> None:
        self.events.append(("advance", count))

    def finish(self) -> None:
        self.events.append(("finish", None))


def test_an_image_s_features_do_not_hang_on_its_company(
    tiny: BackboneSpec, photos: Photos, names: list[str]
) -> None:
    backbone = load_backbone(tiny)
    together = extract_features(backbone, names, photos.read)
    assert together.shape == (40, backbone.feature_count)
    assert together.dtype == np.float32
    assert len(np.unique(together.round(6), axis=0)) == 40
    turned = extract_features(backbone, names[::-1][:7], photos.read)
    assert np.array_equal(turned, together[::-1][:7])


def test_no_images_give_no_features(tiny: BackboneSpec, photos: Photos) -> None:
    backbone = load_backbone(tiny)
    assert extract_features(backbone, [], photos.read).shape == (0, backbone.feature_count)


def test_a_broken_image_is_named_by_its_outcome(tiny: BackboneSpec, photos: Photos) -> None:
    name = photos.add(drawn_photo(0, 0)[:900])
    with pytest.raises(ImageError):
        extract_features(load_backbone(tiny), [name], photos.read)


def test_features_are_computed_once_and_kept_exactly(
    tiny: BackboneSpec, photos: Photos, names: list[str], files: FileStore
) -> None:
    backbone = load_backbone(tiny)
    first = FeatureStore(files, backbone).load_features(names[:30], photos.read)
    assert len(photos.reads) == 30
    again = FeatureStore(files, backbone).load_features(names[::-1], photos.read)
    assert sorted(photos.reads[30:]) == sorted(names[30:])
    assert np.array_equal(again[::-1][:30], first)
    assert np.array_equal(first, extract_features(backbone, names[:30], photos.read))


def test_other_weights_have_their_own_folder(
    tiny: BackboneSpec, photos: Photos, names: list[str], files: FileStore
) -> None:
    stores = [FeatureStore(files, load_backbone(spec)) for spec in (tiny, replace(tiny, seed=1))]
    first, second = (store.load_features(names[:2], photos.read) for store in stores)
    assert stores[0].folder != stores[1].folder
    assert not np.array_equal(first, second)


def test_a_killed_run_loses_at_most_one_shard(photos: Photos, files: FileStore) -> None:
    backbone = load_backbone(
        BackboneSpec("cnn", weights=RANDOM, model_args={"widths": (4, 8)}, input_size=16)
    )
    names = [photos.add(drawn_photo(0, seed, side=48)) for seed in range(SHARD_SIZE + 20)]
    good = photos.data.pop(sorted(names)[SHARD_SIZE + 10])
    with pytest.raises(KeyError):
        FeatureStore(files, backbone).load_features(names, photos.read)
    photos.add(good)
    photos.reads.clear()
    progress = Counting()
    kept = FeatureStore(files, backbone).load_features(names, photos.read, progress)
    assert len(photos.reads) == 20
    assert (progress.events[0], progress.events[-1]) == (("features", 20), ("finish", None))
    assert sum(count or 0 for what, count in progress.events if what == "advance") == 20
    assert np.array_equal(kept, extract_features(backbone, names, photos.read))


def test_a_damaged_part_is_named(
    tiny: BackboneSpec, photos: Photos, names: list[str], files: FileStore
) -> None:
    store = FeatureStore(files, load_backbone(tiny))
    store.load_features(names[:2], photos.read)
    (part,) = files.list(store.folder)
    files.write(part, b"half a file")
    with pytest.raises(StorageError, match=r"part-.*damaged.*Delete it"):
        store.load_features(names[:2], photos.read)


@pytest.mark.real_data
def test_real_features_tell_real_classes_apart(shared: Path, photos: Photos) -> None:
    weights = shared / "weights" / "tf_efficientnet_lite0_backbone.pth"
    backbone = load_backbone(BackboneSpec("tf_efficientnet_lite0", weights=str(weights)))
    folders = sorted((shared / "data" / "caltech_open" / "labelled").iterdir())
    rows = [
        (photos.add(path.read_bytes()), folder.name)
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
    ]
    names, classes = zip(*rows, strict=True)
    features = extract_features(backbone, names, photos.read)
    truth = np.array(classes)
    probe = LogisticRegression(C=10, max_iter=500).fit(features[::2], truth[::2])
    assert probe.score(features[1::2], truth[1::2]) > 0.9
