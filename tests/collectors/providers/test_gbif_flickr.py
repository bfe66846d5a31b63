"""GBIF and Flickr against servers that answer in their shapes."""

from dataclasses import replace

import pytest
from api_answers import AT_ONCE, FETCH, Json, answer_json, collected
from loopback import Handler, LoopbackServer

from collectors.candidate import Candidate
from collectors.licences import parse_licence
from collectors.providers.flickr import FlickrProvider
from collectors.providers.gbif import GbifProvider
from data_registry.errors import ProviderError
from data_registry.images.records import Source

KEY = "0123456789abcdef"
CC = "https://creativecommons.org"
LICENCES = [
    {"id": number, "name": name, "url": url}
    for number, name, url in [
        (0, "All Rights Reserved", "https://www.flickrhelp.com/hc/en-us/articles/10710266545556"),
        (1, "CC BY-NC-SA 2.0", f"{CC}/licenses/by-nc-sa/2.0/"),
        (2, "CC BY-NC 2.0", f"{CC}/licenses/by-nc/2.0/"),
        (3, "CC BY-NC-ND 2.0", f"{CC}/licenses/by-nc-nd/2.0/"),
        (4, "Attribution License", f"{CC}/licenses/by/2.0/"),  # so until 2025, CC BY 2.0 since
        (5, "CC BY-SA 2.0", f"{CC}/licenses/by-sa/2.0/"),
        (6, "Attribution-NoDerivs License", f"{CC}/licenses/by-nd/2.0/"),
        (7, "No known copyright restrictions", "https://www.flickr.com/commons/usage/"),
        (8, "United States Government Work", "http://www.usa.gov/copyright.shtml"),
        (9, "Public Domain Dedication (CC0)", f"{CC}/publicdomain/zero/1.0/"),
        (10, "Public Domain Mark", f"{CC}/publicdomain/mark/1.0/"),
        (11, "CC BY 4.0", f"{CC}/licenses/by/4.0/"),
        (12, "CC BY-SA 4.0", f"{CC}/licenses/by-sa/4.0/"),
        (13, "CC BY-ND 4.0", f"{CC}/licenses/by-nd/4.0/"),
        (14, "CC BY-NC 4.0", f"{CC}/licenses/by-nc/4.0/"),
        (15, "CC BY-NC-SA 4.0", f"{CC}/licenses/by-nc-sa/4.0/"),
        (16, "CC BY-NC-ND 4.0", f"{CC}/licenses/by-nc-nd/4.0/"),
    ]
]


def gbif(server: LoopbackServer, **options: object) -> GbifProvider:
    return GbifProvider(base=server.url("/v1"), fetch=FETCH, per_minute=AT_ONCE, **options)  # type: ignore[arg-type]


def occurrence(key: int, *media: Json) -> Json:
    return {
        "key": key,
        "datasetKey": "50c9509d-22c7-4a22-a47d-8c48425ef4a7",
        "basisOfRecord": "HUMAN_OBSERVATION",
        "license": "http://creativecommons.org/licenses/by/4.0/legalcode",
        "scientificName": "Aurelia aurita (Linnaeus, 1758)",
        "media": list(media),
        "gbifID": str(key),
    }


def medium(number: int, **more: object) -> Json:
    return {
        "type": "StillImage",
        "format": "image/jpeg",
        "references": f"https://www.inaturalist.org/photos/{number}",
        "identifier": f"https://inaturalist-open-data.s3.amazonaws.com/photos/{number}/original.jpg",
        "created": "2020-08-27T09:46:00",
        "creator": "Ann Diver",
        "publisher": "iNaturalist",
        "license": "http://creativecommons.org/licenses/by-nc/4.0/",
        "rightsHolder": "A. D.",
        **more,
    }


def serve_gbif(server: LoopbackServer, found: list[Json]) -> list[dict[str, str]]:
    asked: list[dict[str, str]] = []

    def search(handler: Handler) -> None:
        asked.append(handler.query)
        offset, limit = int(handler.query["offset"]), int(handler.query["limit"])
        end = offset + limit
        answer_json(
            handler,
            {
                "offset": offset,
                "limit": limit,
                "endOfRecords": end >= len(found),
                "count": len(found),
                "results": found[offset:end],
                "facets": [],
            },
        )

    server.page("/v1/occurrence/search", search)
    return asked


def test_gbif_keeps_what_is_said_of_the_image(server: LoopbackServer) -> None:
    asked = serve_gbif(server, [occurrence(7, medium(31))])
    assert collected(gbif(server), "Aurelia aurita") == [
        Candidate(
            Source(
                provider="gbif",
                url="https://inaturalist-open-data.s3.amazonaws.com/photos/31/original.jpg",
                query="Aurelia aurita",
                page_url="https://www.inaturalist.org/photos/31",
                licence="http://creativecommons.org/licenses/by-nc/4.0/",
                licence_url="http://creativecommons.org/licenses/by-nc/4.0/",
                creator="Ann Diver",
            )
        )
    ]
    assert (asked[0]["q"], asked[0]["mediaType"]) == ("Aurelia aurita", "StillImage")


def test_gbif_does_not_take_the_data_s_licence_for_the_image_s(server: LoopbackServer) -> None:
    bare = {"type": "StillImage", "identifier": "http://www.kew.org/herbcatimg/686058.jpg"}
    sound = {"type": "Sound", "identifier": "http://host/1.mp3"}
    nothing = {"type": "StillImage", "references": "http://host/page"}
    serve_gbif(server, [occurrence(7, bare, sound, nothing), occurrence(8)])
    (found,) = collected(gbif(server), "moon")
    assert (found.source.licence, found.source.creator) == ("", "")
    assert found.source.page_url == "https://www.gbif.org/occurrence/7"
    assert parse_licence(found.source.licence).name == "unknown"


def test_gbif_s_media_without_a_type_are_passed_over(server: LoopbackServer) -> None:
    """A publisher that mixes up `type` and `format` gets neither a type nor a file."""
    page = {"references": "https://dofbasen.dk/image_proxy.php?pic=1.jpg", "creator": "J. K."}
    serve_gbif(server, [occurrence(7, page, {}, medium(31, license="(c) Kew"))])
    (found,) = collected(gbif(server), "moon")
    assert found.source.url.endswith("/photos/31/original.jpg")
    assert (found.source.licence, found.source.licence_url) == ("(c) Kew", "")


def test_gbif_by_a_taxon_s_key(server: LoopbackServer) -> None:
    asked = serve_gbif(server, [])
    collected(gbif(server, search="taxonKey"), "2285151", "4CGXP")
    assert [each["taxonKey"] for each in asked] == ["2285151", "4CGXP"]


def test_gbif_page_by_page(server: LoopbackServer) -> None:
    asked = serve_gbif(server, [occurrence(key, medium(key)) for key in range(1, 251)])
    assert len(collected(gbif(server, search="scientificName"), "Aurelia")) == 250
    assert [(each["scientificName"], each["offset"]) for each in asked] == [
        ("Aurelia", "0"),
        ("Aurelia", "100"),
        ("Aurelia", "200"),
    ]
    asked.clear()
    assert len(collected(gbif(server, limit=5), "Aurelia")) == 5
    assert len(asked) == 1


def test_gbif_is_not_asked_beyond_its_limit(server: LoopbackServer) -> None:
    asked: list[int] = []

    def endless(handler: Handler) -> None:
        asked.append(int(handler.query["offset"]))
        # three great strides, which spares a thousand pages
        offset = asked[-1] + (33_200 if len(asked) < 4 else 0)
        answer = {"offset": offset, "endOfRecords": False, "results": [occurrence(1 + offset)]}
        answer_json(handler, answer)

    server.page("/v1/occurrence/search", endless)
    assert collected(gbif(server), "Animalia") == []
    assert asked == [0, 33_300, 66_600, 99_900]


def test_gbif_s_other_answers(server: LoopbackServer) -> None:
    server.put("/v1/occurrence/search", b"{}")
    with pytest.raises(ProviderError, match="the expected shape"):
        collected(gbif(server), "moon")
    server.put("/v1/occurrence/search", b'{"results": [{"key": 1, "media": ["1.jpg"]}]}')
    with pytest.raises(ProviderError, match=r"found a result '1\.jpg', expected an object"):
        collected(gbif(server), "moon")
    server.put("/v1/occurrence/search", b"", 503, {"Retry-After": "0"})
    with pytest.raises(ProviderError, match=r"GBIF at .* does not answer"):
        collected(gbif(server), "moon")
    with pytest.raises(ProviderError, match="expected one of q, scientificName, taxonKey"):
        gbif(server, search="taxon")


# Flickr


@pytest.fixture
def flickr(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> FlickrProvider:
    monkeypatch.setenv("FLICKR_API_KEY", KEY)
    return FlickrProvider(base=server.url("/services/rest"), fetch=FETCH, per_minute=AT_ONCE)


def photo(number: int, **more: object) -> Json:
    return {
        "id": str(number),
        "owner": "12037949754@N01",
        "secret": "a123456",
        "server": "2",
        "farm": 1,
        "title": "jelly",
        "ispublic": 1,
        "license": "4",
        "ownername": "A. Diver",
        "o_width": "6000",
        "o_height": "4000",
        "url_l": f"https://live.staticflickr.com/2/{number}_a123456_b.jpg",
        "height_l": 683,
        "width_l": "1024",
        "url_o": f"https://live.staticflickr.com/2/{number}_o.jpg",
        **more,
    }


def serve_flickr(server: LoopbackServer, found: list[Json]) -> list[dict[str, str]]:
    asked: list[dict[str, str]] = []

    def rest(handler: Handler) -> None:
        given = handler.query
        asked.append(given)
        if given["api_key"] != KEY:
            message = "Invalid API Key (Key has invalid format)"
            return answer_json(handler, {"stat": "fail", "code": 100, "message": message})
        if given["method"] == "flickr.photos.licenses.getInfo":
            return answer_json(handler, {"licenses": {"license": LICENCES}, "stat": "ok"})
        page, size = int(given["page"]), int(given["per_page"])
        photos = {
            "page": page,
            "pages": -(-len(found) // size),
            "perpage": size,
            "total": len(found),
            "photo": found[(page - 1) * size : page * size],
        }
        return answer_json(handler, {"photos": photos, "stat": "ok"})

    server.page("/services/rest/", rest)
    return asked


def test_flickr_keeps_what_is_said(server: LoopbackServer, flickr: FlickrProvider) -> None:
    asked = serve_flickr(server, [photo(52)])
    assert collected(flickr, "moon jelly") == [
        Candidate(
            Source(
                provider="flickr",
                url="https://live.staticflickr.com/2/52_a123456_b.jpg",
                query="moon jelly",
                page_url="https://www.flickr.com/photos/12037949754@N01/52",
                licence="Attribution License",
                licence_url="https://creativecommons.org/licenses/by/2.0/",
                creator="A. Diver",
            ),
            None,
            6000,
            4000,
        )
    ]
    assert asked[1]["text"] == "moon jelly"
    assert "license" not in asked[1]
    assert {"license", "owner_name", "o_dims", "url_l", "url_c", "url_o"} <= {
        *asked[1]["extras"].split(",")
    }


def test_flickr_without_the_original_s_size(server: LoopbackServer, flickr: FlickrProvider) -> None:
    kept_back = {"o_width": None, "o_height": None, "url_o": None, "url_l": None}
    smaller = {"url_c": "https://live.staticflickr.com/2/52_c.jpg", "width_c": 800, "height_c": 533}
    serve_flickr(server, [photo(52, **kept_back, **smaller)])
    (found,) = collected(flickr, "moon")
    assert found.source.url == "https://live.staticflickr.com/2/52_c.jpg"
    assert (found.native_width, found.native_height) == (800, 533)


def test_flickr_s_numbers_become_licences(server: LoopbackServer, flickr: FlickrProvider) -> None:
    numbers = [*map(str, range(17)), 9, "77"]
    serve_flickr(server, [photo(k, license=number) for k, number in enumerate(numbers)])
    found = [each.source for each in collected(flickr, "moon")]
    assert [str(parse_licence(each.licence, each.licence_url)) for each in found] == [
        "other",
        *["CC BY-NC-SA 2.0", "CC BY-NC 2.0", "CC BY-NC-ND 2.0"],
        *["CC BY 2.0", "CC BY-SA 2.0", "CC BY-ND 2.0"],
        *["other", "other", "CC0 1.0", "PDM 1.0"],
        *["CC BY 4.0", "CC BY-SA 4.0", "CC BY-ND 4.0"],
        *["CC BY-NC 4.0", "CC BY-NC-SA 4.0", "CC BY-NC-ND 4.0"],
        *["CC0 1.0", "other"],
    ]


@pytest.mark.parametrize(
    ("licences", "numbers"),
    [(["BY"], "4,11"), (["CC0", "BY-SA", "7"], "5,7,9,12"), (["16"], "16")],
)
def test_flickr_searches_for_some_licences_only(
    server: LoopbackServer, flickr: FlickrProvider, licences: list[str], numbers: str
) -> None:
    asked = serve_flickr(server, [])
    collected(replace(flickr, licences=licences), "moon")
    assert asked[1]["license"] == numbers


def test_flickr_has_no_such_licence(server: LoopbackServer, flickr: FlickrProvider) -> None:
    asked = serve_flickr(server, [])
    with pytest.raises(
        ProviderError, match=r"licences = 'CC-BY' is no licence .* BY, .* numbers 0, 1,"
    ):
        collected(replace(flickr, licences=["BY", "CC-BY"]), "moon")
    assert len(asked) == 1


def test_flickr_page_by_page_for_all_queries_together(
    server: LoopbackServer, flickr: FlickrProvider
) -> None:
    without_url = {"url_l": None, "url_o": None}
    asked = serve_flickr(server, [photo(1, **without_url), *(photo(k) for k in range(2, 602))])
    assert len(collected(flickr, "moon", "rose")) == 500 + 500
    methods = [each["method"].rpartition(".")[2] for each in asked]
    assert methods == ["getInfo", *["search"] * 6]


def test_flickr_gives_no_more_than_4000(server: LoopbackServer, flickr: FlickrProvider) -> None:
    asked = serve_flickr(server, [photo(number) for number in range(4100)])
    assert len(collected(replace(flickr, limit=9999), "moon")) == 4000
    assert max(int(each.get("page", 0)) for each in asked) == 16


@pytest.mark.parametrize("found", [None, "", " \n"])
def test_flickr_without_a_key(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, found: str | None
) -> None:
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    if found is not None:
        monkeypatch.setenv("FLICKR_API_KEY", found)
    with pytest.raises(ProviderError, match="environment variable FLICKR_API_KEY is empty"):
        collected(FlickrProvider(base=server.url(""), fetch=FETCH), "moon")


def test_flickr_s_key_from_another_variable(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, flickr: FlickrProvider
) -> None:
    asked = serve_flickr(server, [photo(1)])
    monkeypatch.delenv("FLICKR_API_KEY")
    monkeypatch.setenv("MY_KEY", f"{KEY}\n")  # as it is read from a file
    assert len(collected(replace(flickr, key_variable="MY_KEY"), "moon")) == 1
    assert {each["api_key"] for each in asked} == {KEY}


def test_no_message_holds_the_key(
    server: LoopbackServer, flickr: FlickrProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "wrong and-secret")  # a URL writes it another way
    serve_flickr(server, [])
    with pytest.raises(ProviderError, match=r"100: Invalid API Key") as refused:
        collected(flickr, "moon")
    assert "and-secret" not in str(refused.value)
    server.put("/services/rest/", b"<html>")
    with pytest.raises(ProviderError, match=r"api_key=\*\*\*") as other:
        collected(flickr, "moon")
    assert "and-secret" not in str(other.value)
