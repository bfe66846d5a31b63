import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.licences import Licence, LicenceRule, StatedLicence, parse_licence
from collectors.outcomes import Outcome
from data_registry.images.records import Source

CC = "https://creativecommons.org"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("cc-by-4.0", "CC BY 4.0"),  # Wikimedia's License
        ("CC BY-SA 3.0", "CC BY-SA 3.0"),  # Wikimedia's LicenseShortName
        ("cc-by-sa-3.0,2.5,2.0,1.0", "CC BY-SA 3.0"),
        ("CC BY-SA 3.0 de", "CC BY-SA 3.0"),
        ("Public domain", "PDM"),
        ("PD-old", "PDM"),
        ("cc-by-nc", "CC BY-NC"),  # iNaturalist
        ("cc0", "CC0"),
        ("by", "CC BY"),  # Openverse
        ("by-nc-nd 2.0", "CC BY-NC-ND 2.0"),
        ("pdm 1.0", "PDM 1.0"),
        ("CC_BY_NC_4_0", "CC BY-NC 4.0"),  # GBIF
        ("CC0_1_0", "CC0 1.0"),
        ("http://creativecommons.org/licenses/by-nc/4.0/legalcode", "CC BY-NC 4.0"),
        ("Attribution-NonCommercial-ShareAlike License", "CC BY-NC-SA"),  # Flickr
        ("Creative Commons Attribution-Share Alike 4.0 International", "CC BY-SA 4.0"),
        ("Creative Commons Attribution 4.0 International (CC BY 4.0)", "CC BY 4.0"),
        ("CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "CC0 1.0"),
        ("Creative Commons Zero", "CC0"),
        ("by-nd-nc 1.0", "CC BY-NC-ND 1.0"),  # the order of the first version
        ("cc by\u2013sa 3.0", "CC BY-SA 3.0"),
        ("", "unknown"),
        ("  ", "unknown"),
        ("unknown", "unknown"),
        ("UNSPECIFIED", "unknown"),
        ("N/A", "unknown"),
        ("All rights reserved", "other"),
        ("UNSUPPORTED", "other"),
        ("GFDL", "other"),
        ("Attribution", "other"),  # of Wikimedia, not of Creative Commons
        ("Creative Commons", "other"),
        ("for non-commercial use", "other"),
        ("cc-sa", "other"),
        ("by-nd-sa", "other"),
        ("not in the public domain", "other"),
        ("CC BY 4.0 or CC BY-NC 4.0", "other"),
    ],
)
def test_what_providers_say(text: str, read: str) -> None:
    assert str(parse_licence(text)) == read


@pytest.mark.parametrize(
    ("path", "read"),
    [
        ("/licenses/by/4.0/", Licence("BY", "4.0")),
        ("/licenses/by-nc-sa/2.5/ca/deed.fr", Licence("BY-NC-SA", "2.5")),
        ("/publicdomain/zero/1.0/", Licence("CC0", "1.0")),
        ("/publicdomain/mark/1.0/", Licence("PDM", "1.0")),
        ("/licenses/publicdomain/", Licence("PDM")),
        ("/licenses/sampling+/1.0/", Licence("other")),
        ("/licenses/nc-sa/1.0/", Licence("other")),
        ("/about/", Licence("other")),
    ],
)
def test_what_urls_say(path: str, read: Licence) -> None:
    assert parse_licence("", CC + path) == read


@pytest.mark.parametrize(
    ("text", "path", "read"),
    [
        ("by", "/licenses/by/2.0/", "CC BY 2.0"),
        ("CC BY-SA 3.0", "/licenses/by-sa/4.0/", "CC BY-SA 3.0"),
        ("Some rights reserved", "/licenses/by/4.0/", "CC BY 4.0"),
        ("Public domain", "/publicdomain/zero/1.0/", "CC0 1.0"),
        ("CC BY", "/licenses/by-nc/4.0/", "other"),
        ("CC BY-NC", "/licenses/by/4.0/", "other"),
        ("All rights reserved", "/licenses/by/4.0/", "other"),
        ("NC only", "/licenses/by/4.0/", "other"),
    ],
)
def test_a_text_and_a_url(text: str, path: str, read: str) -> None:
    assert str(parse_licence(text, CC + path)) == read


@pytest.mark.parametrize(
    "text",
    ["CC BY (non-commercial)", "CC BY 4.0, NC", "CC BY [ND]", "cc-by no derivatives", "CC BY/NC"],
)
def test_a_restriction_is_never_lost(text: str) -> None:
    assert parse_licence(text).name in ("BY-NC", "BY-ND", "other")


LICENCES = st.builds(
    Licence,
    st.sampled_from([*get_args(StatedLicence), "unknown"]),
    st.sampled_from(["", "1.0", "2.5", "4.0"]),
).filter(lambda licence: licence.name not in ("other", "unknown") or not licence.version)


@given(LICENCES, st.sampled_from([str.lower, str.upper]), st.sampled_from(" -_"))
def test_what_is_written_is_read_again(licence: Licence, cased: type[str], separator: str) -> None:
    assert parse_licence(cased(re.sub("[ -]", separator, str(licence)))) == licence


@given(st.text() | st.from_regex(r"(cc|by|nc|nd|sa|[-_ 0-9.]|public.domain){1,9}"), st.text())
def test_whatever_is_said_is_read_as_something(text: str, url: str) -> None:
    assert parse_licence(text, url).name in {*get_args(StatedLicence), "unknown"}


def source(licence: str) -> Source:
    return Source(provider="gallery", url="http://host/a.jpg", licence=licence)


@pytest.mark.parametrize(
    ("rule", "taken"),
    [
        (LicenceRule(), ["CC0", "CC BY 4.0", "CC BY-NC 4.0", "GFDL", ""]),
        (LicenceRule(("CC0", "BY")), ["CC0", "CC BY 4.0", ""]),
        (LicenceRule(("CC0", "BY"), allow_unknown=False), ["CC0", "CC BY 4.0"]),
        (LicenceRule(allow_unknown=False), ["CC0", "CC BY 4.0", "CC BY-NC 4.0", "GFDL"]),
        (LicenceRule(("other",), allow_unknown=False), ["GFDL"]),
    ],
)
def test_what_a_rule_takes(rule: LicenceRule, taken: list[str]) -> None:
    stated = ["CC0", "CC BY 4.0", "CC BY-NC 4.0", "GFDL", ""]
    assert [text for text in stated if rule.find_refusal(source(text)) is None] == taken


def test_what_is_refused_is_named_and_explained() -> None:
    rule = LicenceRule(("CC0", "BY"), allow_unknown=False)
    assert rule.find_refusal(source("cc-by-nc")) is Outcome.REFUSED_LICENCE
    assert rule.find_refusal(source("")) is Outcome.UNKNOWN_LICENCE
    assert rule.explain_refusal(source("cc-by-nc")) == (
        "CC BY-NC (stated: cc-by-nc); allowed: CC0, BY"
    )
    assert rule.explain_refusal(source("")) == "unknown (stated: nothing); allowed: CC0, BY"
