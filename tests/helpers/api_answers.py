"""Answers in the shapes that the real APIs document, served from loopback."""

import json
from collections.abc import Mapping, Sequence

from loopback import Handler, LoopbackServer

from collectors.candidate import Candidate, Provider
from collectors.fetch.fetched import FetchSettings

FETCH = FetchSettings(
    total_seconds=5, pause_seconds=0.01, requests_per_second=10_000, allow_loopback=True
)
AT_ONCE = 1_000_000.0  # requests a minute: loopback need not be spared

Json = Mapping[str, object]


def collected(provider: Provider, *queries: str) -> list[Candidate]:
    return list(provider.candidates(queries))


def answer_json(handler: Handler, answer: object, status: int = 200) -> None:
    handler.answer(json.dumps(answer).encode(), status, {"Content-Type": "application/json"})


def serve_openverse(server: LoopbackServer, found: Sequence[Json]) -> list[dict[str, str]]:
    """Openverse as who has no key sees it. Gives the parameters of each request."""
    asked: list[dict[str, str]] = []

    def images(handler: Handler) -> None:
        asked.append(handler.query)
        page, size = int(handler.query["page"]), int(handler.query["page_size"])
        if size > 20 or page * size > 240:
            detail = "Ensure this value is less than or equal to 20."
            return answer_json(handler, {"detail": detail}, 401)
        answer = {
            "result_count": len(found),
            "page_count": -(-len(found) // size),
            "page_size": size,
            "page": page,
            "results": found[(page - 1) * size : page * size],
        }
        return answer_json(handler, answer)

    server.page("/v1/images/", images)
    return asked


def openverse_image(number: int, **more: object) -> Json:
    return {
        "id": f"4bc43a04-ef46-4544-a0c1-{number:012}",
        "title": "Tree Bark Photo",
        "indexed_on": "2022-08-27T17:39:48Z",
        "foreign_landing_url": f"https://stocksnap.io/photo/{number}",
        "url": f"https://cdn.stocksnap.io/img-thumbs/960w/{number}.jpg",
        "creator": "Tim Sullivan",
        "creator_url": "https://www.secretagencygroup.com",
        "license": "by-sa",
        "license_version": "2.0",
        "license_url": "https://creativecommons.org/licenses/by-sa/2.0/",
        "provider": "stocksnap",
        "source": "stocksnap",
        "category": "photograph",
        "filesize": 896128,
        "filetype": "jpg",
        "tags": [{"accuracy": None, "name": "tree", "unstable__provider": "stocksnap"}],
        "fields_matched": ["title"],
        "mature": False,
        "height": 4016,
        "width": 6016,
        "unstable__sensitivity": [],
        **more,
    }


def serve_commons(
    server: LoopbackServer, files: Sequence[Json], batch: int = 3
) -> list[dict[str, str]]:
    """Answer as the Action API's search: batches of files, each in two answers, in no order."""
    asked: list[dict[str, str]] = []

    def api(handler: Handler) -> None:
        asked.append(handler.query)
        start = int(handler.query.get("gsroffset", 0))
        pages = [
            {**page, "index": number + 1}
            for number, page in enumerate(files[start : start + batch], start)
        ]
        answer: dict[str, object] = {"query": {"pages": pages[::-1]}} if pages else {}
        halved = len(pages) > 1
        is_first = halved and "iicontinue" not in handler.query
        for page in pages[:1] if is_first else pages[1:] if halved else ():
            page.pop("imageinfo", None)  # it comes, or came, with the other half of the batch
        if is_first:
            more = {"iicontinue": "0.jpg|20120925162302", "continue": "||"}
            if start:
                more["gsroffset"] = str(start)
            return answer_json(handler, {"continue": more, **answer})
        answer["batchcomplete"] = True
        if start + batch < len(files):
            answer["continue"] = {"gsroffset": start + batch, "continue": "gsroffset||"}
        return answer_json(handler, answer)

    server.page("/w/api.php", api)
    return asked


def commons_file(number: int, **more: object) -> Json:
    info = {
        "url": f"https://upload.wikimedia.org/wikipedia/commons/2/25/{number}.jpg",
        "thumburl": f"https://upload.wikimedia.org/wikipedia/commons/thumb/2/25/1280px-{number}.jpg",
        "thumbwidth": 1280,
        "thumbheight": 720,
        "descriptionurl": f"https://commons.wikimedia.org/wiki/File:{number}.jpg",
        "descriptionshorturl": f"https://commons.wikimedia.org/w/index.php?curid={number}",
        "mime": "image/jpeg",
        "size": 11863148,
        "width": 5514,
        "height": 3102,
        "extmetadata": {
            "Artist": {
                "source": "commons-desc-page",
                "value": '<a href="//commons.wikimedia.org/wiki/User:P">Pt &amp; Rs</a>',
            },
            "LicenseShortName": {
                "hidden": "",
                "source": "commons-desc-page",
                "value": "CC BY-SA 4.0",
            },
            "LicenseUrl": {
                "hidden": "",
                "source": "commons-desc-page",
                "value": "https://creativecommons.org/licenses/by-sa/4.0",
            },
        },
        **more,
    }
    return {"pageid": number, "ns": 6, "title": f"File:{number}.jpg", "imageinfo": [info]}


def serve_inaturalist(server: LoopbackServer, found: Sequence[Json]) -> list[dict[str, str]]:
    """iNaturalist's observations, by ascending id."""
    asked: list[dict[str, str]] = []

    def observations(handler: Handler) -> None:
        asked.append(handler.query)
        size = int(handler.query["per_page"])
        above = int(handler.query["id_above"])
        left = [each for each in found if int(str(each["id"])) > above]
        answer = {"total_results": len(left), "page": 1, "per_page": size, "results": left[:size]}
        answer_json(handler, answer)

    server.page("/v1/observations", observations)
    return asked


def observation(number: int, *photos: Json) -> Json:
    return {
        "id": number,
        "uuid": "c44b91f3-534d-48c4-933d-a8b4e1d8f87b",
        "quality_grade": "research",
        "license_code": "cc-by-nc",
        "uri": f"https://www.inaturalist.org/observations/{number}",
        "user": {"id": 2852555, "login": "samroom", "name": None},
        "taxon": {"id": 48662, "name": "Danaus plexippus", "rank": "species"},
        "sounds": [],
        "photos": photos,
    }


def inaturalist_photo(number: int, **more: object) -> Json:
    return {
        "id": number,
        "license_code": "cc-by",
        "original_dimensions": {"width": 2048, "height": 1361},
        "url": f"https://static.inaturalist.org/photos/{number}/square.jpg?1545715684",
        "attribution": "(c) samroom, some rights reserved (CC BY)",
        "flags": [],
        **more,
    }
