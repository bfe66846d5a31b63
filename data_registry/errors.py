"""The errors that Ephyra raises.

    EphyraError
    ├── InputError              the user can fix it: exit code 2
    │   ├── ProjectFileError    ephyra.toml: unknown key, bad value
    │   ├── LabelledSetError    a folder that is not a labelled set
    │   ├── AnswerFileError     a CSV of answers with unknown images or classes
    │   ├── ProviderError       a provider that yields no candidates
    │   └── WeightsError        a model or weights that cannot be loaded
    ├── ImageError              one image is unusable; carries its outcome
    ├── StorageError            a disk, bucket or database fails
    ├── RuleError               the registry refused a change; nothing was written
    └── BusyError               another flow works on the workspace; nothing was changed

Every message says what was found, what was expected and what to do next.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from data_registry.text.printable import make_printable
from data_registry.text.secrets import hide_secrets


class EphyraError(Exception):
    """The base of all errors of Ephyra.

    Its text is safe to show: control characters are replaced, and passwords, keys and tokens in
    addresses are hidden.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(hide_secrets(message))

    def __str__(self) -> str:
        return make_printable(super().__str__())


class InputError(EphyraError):
    """The user's input is not usable."""


class ProjectFileError(InputError):
    """The project file has an unknown key or a bad value; the message names the line."""


class LabelledSetError(InputError):
    """A folder to import is empty, has a class with one image, or the like."""


class AnswerFileError(InputError):
    """A file of a person's answers names an unknown image or class."""


class ProviderError(InputError):
    """A provider's file, folder or server yields no candidates."""


class WeightsError(InputError):
    """A model is unknown, its weights cannot be reached, or they do not fit."""


class ImageError(EphyraError):
    """One image is unusable. It never stops the work on other images.

    Attributes:
        outcome: the name under which the image is counted, for example ``"truncated"``.
    """

    def __init__(self, outcome: str, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class StorageError(EphyraError):
    """A disk, bucket or database failed to read or write."""


class RuleError(EphyraError):
    """The change would break a rule of the registry and was refused."""


class BusyError(EphyraError):
    """Another flow works on the workspace."""


@contextmanager
def name_image_in_errors(image: str) -> Iterator[None]:
    """Add the image to the message of an `ImageError` raised in the block.

    Args:
        image: its SHA-256, path or address.
    """
    try:
        yield
    except ImageError as error:
        raise ImageError(error.outcome, f"image {image}: {error}") from error


def describe_reason(error: BaseException) -> str:
    """Describe why something failed, without ``[Errno 2]`` and without repeating the path.

    Args:
        error: what was raised; the message that holds the reason names the file itself.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
