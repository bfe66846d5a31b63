"""The words of the registry that are stored as text: splits, class origins and verdicts."""

from enum import StrEnum


class Split(StrEnum):
    """The part of a dataset version that an image belongs to.

    A member equals its text. What is written to a table, a file or JSON is the plain text
    (``.value``), and what is read back is a plain string.
    """

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class ClassOrigin(StrEnum):
    """Where the class of an image comes from; the strongest comes first in `resolve_classes`."""

    LABEL = "label"
    ANNOTATION = "annotation"
    DECISION = "decision"


class Verdict(StrEnum):
    """What a policy decides about an image of the pool."""

    ACCEPTED = "accepted"
    REVIEW = "review"
    REJECTED = "rejected"
