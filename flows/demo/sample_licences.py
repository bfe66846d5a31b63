"""The licences that the demo's gallery names."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Licence:
    """A licence's short name and address; both empty where the gallery says nothing."""

    name: str
    url: str


LICENCES = (
    Licence("CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    Licence("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    Licence("CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    Licence("", ""),
)
_SHARES = (0.25, 0.40, 0.25, 0.10)


def choose_licence(rng: np.random.Generator) -> Licence:
    """Choose one of `LICENCES`; a tenth of the candidates has none."""
    return LICENCES[int(rng.choice(len(LICENCES), p=_SHARES))]
