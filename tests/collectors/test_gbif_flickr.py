"""GBIF and Flickr against servers that answer in their shapes."""

import pytest
from api_answers import AT_ONCE, FETCH, Json, answer_json, collected
from loopback import Handler, LoopbackServer

from collectors.candidate import Candidate
from collectors.licences import licence_of
from collectors.providers.flickr import FlickrProvider
from collectors.providers.gbif import GbifProvider
from data_registry.errors import ProviderError
from data_registry.records import Source

KEY = "0123456789abcdef"
LICENCES = [
    {"id": 0, "name": "All Rights Reserved", "url": "https://www.flickrhelp.com/hc/en-us/x"},
    {"id": 4, "name": "Attribution License", "url": "https://creativecommons.org/licenses/by/2.0/"},
    {"id": 9, "name": "Public Domain Dedication (CC0)", "url": ""},
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
    assert licence_of(found.source.licence).name == "unknown"


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
    with pytest.raises(ProviderError, match="another shape"):
        collected(gbif(server), "moon")
    server.put("/v1/occurrence/search", b"", 503, {"Retry-After": "0"})
    with pytest.raises(ProviderError, match=r"GBIF at .* does not answer"):
        collected(gbif(server), "moon")
    with pytest.raises(ProviderError, match="expected one of q, scientificName"):
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
            1024,
            683,
        )
    ]
    assert asked[1]["text"] == "moon jelly"


@pytest.mark.parametrize(
    ("number", "name"), [("4", "BY"), (9, "CC0"), ("0", "other"), ("77", "other")]
)
def test_flickr_s_numbers_become_licences(
    server: LoopbackServer, flickr: FlickrProvider, number: object, name: str
) -> None:
    serve_flickr(server, [photo(1, license=number)])
    (found,) = collected(flickr, "moon")
    assert licence_of(found.source.licence, found.source.licence_url).name == name


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
    most = FlickrProvider(base=flickr.base, fetch=FETCH, per_minute=AT_ONCE, limit=9999)
    assert len(collected(most, "moon")) == 4000
    assert max(int(each.get("page", 0)) for each in asked) == 16


def test_flickr_without_a_key(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    with pytest.raises(ProviderError, match="environment variable FLICKR_API_KEY is empty"):
        collected(FlickrProvider(base=server.url(""), fetch=FETCH), "moon")


def test_no_message_holds_the_key(
    server: LoopbackServer, flickr: FlickrProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "wrong-and-secret")
    serve_flickr(server, [])
    with pytest.raises(ProviderError, match=r"100: Invalid API Key") as refused:
        collected(flickr, "moon")
    assert "wrong-and-secret" not in str(refused.value)
    server.put("/services/rest/", b"<html>")
    with pytest.raises(ProviderError, match="api_key=KEY") as other:
        collected(flickr, "moon")
    assert "wrong-and-secret" not in str(other.value)
