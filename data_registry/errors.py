"""Every error Ephyra raises on purpose.

    EphyraError
    ├── InputError              the user can mend it: exit code 2
    │   ├── ProjectFileError    ephyra.toml: unknown key, bad value
    │   ├── LabelledSetError    a folder to import that cannot be a labelled set
    │   ├── AnswerFileError     a CSV of answers that does not fit
    │   ├── ProviderError       a provider that cannot give candidates
    │   └── WeightsError        a model or its weights that cannot be had
    ├── ImageError              one image is unusable; carries the outcome's name
    ├── StorageError            a disk, bucket or database that does not take or give bytes
    ├── RuleError               a rule of the registry would be broken; nothing was written
    └── BusyError               another flow works on the workspace; nothing was changed

Every message says what was found, what was expected and what to do next.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from data_registry.text.printable import make_printable
from data_registry.text.secrets import hide_secrets


class EphyraError(Exception):
    """The root: catching it catches all of them.

    As text it is fit to be shown, whatever a server or a file name has put into it, and holds no
    password, key or token of an address.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(hide_secrets(message))

    def __str__(self) -> str:
        return make_printable(super().__str__())


class InputError(EphyraError):
    """Something the user gave cannot be used as it is."""


class ProjectFileError(InputError):
    """The project file has an unknown key or a bad value; the message names the line."""


class LabelledSetError(InputError):
    """A folder to import is empty, has a class with one image, or the like."""


class AnswerFileError(InputError):
    """A file of a person's answers names an unknown image or class."""


class ProviderError(InputError):
    """A provider's file, folder or server does not give candidates."""


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
    """A disk, bucket or database did not take or give bytes."""


class RuleError(EphyraError):
    """A rule that nothing may break would have been broken; the change was refused."""


class BusyError(EphyraError):
    """Another flow is at work on the workspace."""


@contextmanager
def name_image_in_errors(image: str) -> Iterator[None]:
    """Have an `ImageError` name its image.

    Args:
        image: its SHA-256, path or address.
    """
    try:
        yield
    except ImageError as error:
        raise ImageError(error.outcome, f"image {image}: {error}") from error


def describe_reason(error: BaseException) -> str:
    """Why something failed, as a person is told: ``[Errno 2]`` and a path said twice are left out.

    Args:
        error: what was raised; the message that holds the reason names the file itself.
    """
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
