"""Read the split that a folder's name stands for: train, val, test, or none.

`train`, `Training_Set`, `test2017` and `测试集` are names of splits. `flowers_train` is one only
beside a `flowers_test`: alone, a word among others may as well name a class.
"""

import re
import unicodedata
from dataclasses import dataclass

from data_registry.text.file_names import normalise_for_comparison
from data_registry.vocabulary import Split

_SPLITS = {
    Split.TRAIN.value: (
        "train", "training", "trn", "trainval", "entrainement", "apprentissage", "entrenamiento",
        "treino", "treinamento", "addestramento", "allenamento", "trening", "обучение",
        "обучающая", "训练", "訓練", "学習", "훈련", "학습",
    ),
    Split.VAL.value: (
        "val", "valid", "validation", "validate", "dev", "devel", "development", "eval",
        "evaluation", "validacion", "validacao", "validazione", "validierung", "валидация",
        "проверка", "验证", "驗證", "検証", "검증",
    ),
    Split.TEST.value: (
        "test", "tests", "testing", "tst", "holdout", "heldout", "teste", "prueba", "pruebas",
        "prova", "тест", "тестовая", "测试", "測試", "テスト", "테스트",
    ),
}  # fmt: skip
# Too short to be looked for among other words.
_WHOLE_NAMES = {
    "tr": Split.TRAIN.value,
    "va": Split.VAL.value,
    "vl": Split.VAL.value,
    "te": Split.TEST.value,
    "ts": Split.TEST.value,
}
# As in training_set, val-images, x_train, test2017: what may stand beside the word.
_FILLERS = (
    "set", "split", "data", "dataset", "images", "image", "imgs", "img", "photos", "pictures",
    "集", "集合", "用", "データ", "세트",
)  # fmt: skip
_CAMEL_CASE = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True)
class SplitName:
    """A folder's name, read as that of a split.

    Attributes:
        split: train, val, test, or empty where no word of the name, or several, stand for one.
        rest: the other words: `flowers` of `flowers_train`.
    """

    split: str
    rest: str = ""


def parse_split_name(name: str) -> str:
    """Return the split that a folder of this name usually is: train, val, test, or empty."""
    read = parse_split_words(name)
    return "" if read.rest else read.split


def parse_split_words(name: str) -> SplitName:
    """Find the word for a split in a name, and what stands beside it."""
    words = [word for word in split_into_words(name) if word not in _PLAIN_FILLERS]
    joined = "".join(words)
    if split := _WHOLE_NAMES.get(joined) or _find_split(joined):
        return SplitName(split)
    splits = [_find_split(word) for word in words]
    if len(set(filter(None, splits))) != 1:
        return SplitName("")
    rest = [word for word, split in zip(words, splits, strict=True) if not split]
    return SplitName(next(filter(None, splits)), " ".join(rest))


def is_filler(name: str) -> bool:
    """Whether a folder's name says only that images are below it, as `images` or `data_set`."""
    words = split_into_words(name)
    return bool(words) and all(word in _PLAIN_FILLERS for word in words)


def split_into_words(name: str) -> list[str]:
    """Return the words of two letters and more in a name, in lower case and without accents."""
    apart = re.findall(r"[^\W\d_]+", _make_plain(_CAMEL_CASE.sub(" ", name)))
    return [word for word in apart if len(word) > 1]


def _find_split(word: str) -> str:
    found = (_SPLIT_OF.get(word.removesuffix(end), "") for end in ("", *_PLAIN_FILLERS))
    return next(filter(None, found), "")


def _make_plain(name: str) -> str:
    apart = unicodedata.normalize("NFKD", name)
    return normalise_for_comparison(
        "".join(each for each in apart if not unicodedata.combining(each))
    )


_PLAIN_FILLERS = tuple(map(_make_plain, _FILLERS))
_SPLIT_OF = {_make_plain(word): split for split, words in _SPLITS.items() for word in words}
