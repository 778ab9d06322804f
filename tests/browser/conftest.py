"""The tests in a browser: Chromium, seen by nobody, which reaches no machine but this one."""

import functools
import http.server
import threading
from urllib.parse import urlsplit

import pytest
from lessons import ROOT

SCREENSHOTS = ROOT / "build" / "screenshots"


@pytest.fixture
def tab(chromium):
    """Opens a page of a size and a colour scheme; `page.strangers` has what it asked of other machines, in vain."""
    contexts = []

    def opened(width=1280, height=900, **options):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, **options))
        page = contexts[-1].new_page()
        page.strangers, page.complaints = [], []

        def gate(route):
            page.strangers.append(route.request.url)
            route.abort()

        page.route(lambda url: urlsplit(url).hostname not in (None, "127.0.0.1", "localhost"), gate)
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on(
            "response", lambda answer: answer.status >= 400 and page.complaints.append(f"{answer.status} {answer.url}")
        )
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def keep():
    """Keeps what a page looks like in build/screenshots."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=SCREENSHOTS / f"{name}.png")


@pytest.fixture(scope="session")
def address(site):
    """Where the pages are served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
