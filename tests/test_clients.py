"""What package clients print becomes one sentence."""

import sys

import pytest

from gluon_lessons.files import clients, errors


@pytest.mark.parametrize(
    ("printed", "error", "said"),
    [
        ("npm error code ENOSPC", errors.DiskFull, "disk is full: tiny was not fetched"),
        *(
            (line, errors.NoNetwork, "registry cannot be reached")
            for line in (
                "E: Could not resolve 'host'",
                "Err:1 http://deb.example stable InRelease Temporary failure resolving 'deb.example'",
                "E: Failed to fetch http://deb.example/x.deb Could not connect to deb.example:80 (1.2.3.4).",
                "E: Failed to fetch http://deb.example/x.deb Unable to connect to deb.example:80:",
                "npm error code ENOTFOUND",
                "npm error code EAI_AGAIN",
                "npm error code ECONNREFUSED",
                "npm error code ECONNRESET",
                "npm error code ETIMEDOUT",
                "WARNING: Retrying after connection broken by 'NewConnectionError('<x>: [Errno 101]')': /simple/x/",
                "WARNING: Retrying after connection broken by 'NameResolutionError(\"x\")': /simple/x/",
                "WARNING: Retrying after connection broken by 'ReadTimeoutError(\"x\")': /simple/x/",
                "There was a problem confirming the ssl certificate: x",
                "<x>: Failed to establish a new connection: [Errno 111]",
            )
        ),
        ("Could not fetch URL x: connection error: y - skipping", errors.NoNetwork, "registry cannot be reached"),
        ("Could not fetch URL x: 503 Server Error: busy for url: x", errors.NoNetwork, "registry cannot be reached"),
        ("ERROR: x (from versions: none)\nERROR: No match.", errors.FetchError, "not fetched: ERROR: No match."),
        ("npm error code E1\nnpm error why\nmore", errors.FetchError, "not fetched: npm error why"),
        ("only this", errors.FetchError, "not fetched: only this"),
        ("", errors.FetchError, "it gave no reason"),
    ],
)
def test_a_failure_is_told_in_one_sentence(printed, error, said):
    script = f"import sys; print({printed!r}); sys.exit(1)"
    with pytest.raises(errors.LessonError, match=said) as caught:
        clients.run([sys.executable, "-c", script], "tiny")
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)


def test_what_a_client_printed_comes_back():
    assert clients.run([sys.executable, "-c", "print('here')"], "tiny") == "here\n"
