"""Source archives from the index that pip is configured for, by the simple API, so that nothing of them is run.

`pip download` of a source archive runs its build to learn its metadata, before any hash could be checked. Here the
index is read (JSON of PEP 691, or HTML), the archive downloaded and compared with the hash that the index gives.
"""

import ast
import base64
import html.parser
import http.client
import json
import ssl
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gluon_lessons.files import clients, verify
from gluon_lessons.files.download import TIMEOUT, download, reaching
from gluon_lessons.files.errors import FetchError, NoNetwork, WrongHash

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


class Archive(NamedTuple):
    """A file that an index offers, and its hash if the index gives one."""

    name: str
    address: str
    sha256: str | None


def source_archive(package: str, version: str, folder: Path) -> Path:
    """Download the source archive of exactly this version into the folder; build and run nothing."""
    label = f"pip: {package} {version}"
    settings = pip_settings()
    open_address = _opener(settings)
    unreachable = False
    for place in _places(settings, package):
        try:
            offered = _offered(place, open_address)
        except NoNetwork:
            unreachable = True
            continue
        except FetchError:  # this index does not have the package
            continue
        for archive in offered:
            if _is_source_of(archive.name, package, version):
                return _downloaded(archive, folder, open_address)
    if unreachable:
        raise NoNetwork(f"{label} was not fetched: its registry cannot be reached. Check the network and try again.")
    raise FetchError(f"{label} was not fetched: no index that pip is configured for has its source archive.")


def pip_settings() -> dict[str, str]:
    """What pip is configured with: the environment before `[download]` before `[global]`."""
    output = clients.run([sys.executable, "-m", "pip", "config", "list", "--disable-pip-version-check"], "pip")
    settings: dict[str, dict[str, str]] = {"global": {}, "download": {}, ":env:": {}}
    for line in output.splitlines():
        key, _, value = line.partition("=")
        section, _, option = key.rpartition(".")
        if section in settings and value:
            settings[section][option] = str(ast.literal_eval(value))
    return settings["global"] | settings["download"] | settings[":env:"]


def _places(settings: dict[str, str], package: str) -> Iterator[str]:
    """Addresses of the pages and folders that may list the package's files, in the order in which pip looks."""
    for place in settings.get("find-links", "").split():
        yield place if "://" in place else Path(place).expanduser().absolute().as_uri()
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return
    indexes = [settings.get("index-url") or _default_index(), *settings.get("extra-index-url", "").split()]
    for index in indexes:
        yield f"{index.rstrip('/')}/{_normalized(package)}/"


def _default_index() -> str:
    from pip._internal.models.index import PyPI

    return PyPI.simple_url


def _normalized(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _is_source_of(file_name: str, package: str, version: str) -> bool:
    from packaging.utils import InvalidSdistFilename, parse_sdist_filename
    from packaging.version import Version

    try:
        name, offered = parse_sdist_filename(file_name)
    except InvalidSdistFilename:
        return False
    return name == _normalized(package) and offered == Version(version)


def _offered(place: str, open_address: Callable) -> list[Archive]:
    """The files that a page of an index, or a folder on this machine, offers."""
    if place.startswith("file://"):
        local = Path(urllib.request.url2pathname(urllib.parse.urlsplit(place).path))
        page = local / "index.html" if local.is_dir() else local
        if local.is_dir() and not page.is_file():
            return [Archive(path.name, path.as_uri(), None) for path in sorted(local.iterdir()) if path.is_file()]
        if not page.is_file():
            return []
        place = page.as_uri()
    request = urllib.request.Request(place, headers={"Accept": ACCEPT})
    try:
        with reaching(place), open_address(request, timeout=TIMEOUT) as answer:
            base, kind, content = answer.url, answer.headers.get_content_type(), answer.read()
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise NoNetwork(f"{place} broke off. Check the network and try again.") from error
    return _listed_json(base, content) if kind.endswith("json") else _listed_html(base, content)


def _listed_json(base: str, content: bytes) -> list[Archive]:
    try:
        return [
            Archive(file["filename"], urllib.parse.urljoin(base, file["url"]), file.get("hashes", {}).get("sha256"))
            for file in json.loads(content)["files"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FetchError(f"{base} is no page of a package index.") from error


def _listed_html(base: str, content: bytes) -> list[Archive]:
    archives = []
    for link in _links(content.decode(errors="replace")):
        address, _, fragment = urllib.parse.urljoin(base, link).partition("#")
        name = urllib.parse.unquote(urllib.parse.urlsplit(address).path.rpartition("/")[2])
        archives.append(Archive(name, address, dict(urllib.parse.parse_qsl(fragment)).get("sha256")))
    return archives


def _links(page: str) -> list[str]:
    links: list[str] = []

    class Anchors(html.parser.HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag == "a":
                links.extend(value for key, value in attrs if key == "href" and value)

    Anchors().feed(page)
    return links


def _downloaded(archive: Archive, folder: Path, open_address: Callable) -> Path:
    path = folder / archive.name
    for _again in range(2):
        download(archive.address, path, open_address=open_address)
        if not archive.sha256 or verify.verified(path, sha256=archive.sha256):
            return path
        path.unlink()
    raise WrongHash(
        f"{archive.name} arrived twice with another hash than its index gives. Try again on another network."
    )


def _opener(settings: dict[str, str]) -> Callable:
    """A function like `urlopen` with pip's proxy and certificates; a name and password in an address are sent along."""
    handlers: list[urllib.request.BaseHandler] = []
    if proxy := settings.get("proxy"):
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    if bundle := settings.get("cert"):
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=bundle)))
    opener = urllib.request.build_opener(*handlers)

    def open_address(request: urllib.request.Request, timeout: float):
        parts = urllib.parse.urlsplit(request.full_url)
        person, at, host = parts.netloc.rpartition("@")
        if at:
            secret = base64.b64encode(urllib.parse.unquote(person).encode()).decode()
            headers = dict(request.header_items()) | {"Authorization": f"Basic {secret}"}
            request = urllib.request.Request(parts._replace(netloc=host).geturl(), headers=headers)
        return opener.open(request, timeout=timeout)

    return open_address
