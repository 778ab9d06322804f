"""A hash tells a whole file from any other."""

import gzip
import hashlib
import os

import pytest

from gluon_lessons.files import verify

CONTENT = b"content" * 100
SHA256, SHA1 = hashlib.sha256(CONTENT).hexdigest(), hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def test_the_right_file_and_no_other(path):
    assert verify.digest(path) == SHA256 and verify.digest(path, "sha1") == SHA1
    assert verify.verified(path, sha256=SHA256)
    assert verify.verified(str(path), sha1=SHA1)
    assert verify.verified(path, sha256=SHA256, sha1=SHA1)
    assert not verify.verified(path, sha256=SHA256, sha1="0" * 40)
    assert not verify.verified(path, sha256="0" * 64, sha1=SHA1)
    assert not verify.verified(path.with_name("absent"), sha256=SHA256)
    assert not verify.verified(path.parent, sha256=SHA256)


def test_the_bytes_are_read_not_size_and_time(path):
    before = path.stat()
    path.write_bytes(CONTENT[:-1] + b"T")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert not verify.verified(path, sha256=SHA256)


def test_the_first_eight_digits_serve_where_no_more_is_published_and_fewer_never(path):
    assert verify.verified(path, sha256=SHA256[:8])
    assert not verify.verified(path, sha256=SHA256[1:9])
    for wrong in (SHA256[:7], SHA256[:1], SHA256 + "0", SHA256.upper(), "sha256:" + SHA256):
        with pytest.raises(ValueError, match="is no sha256"):
            verify.verified(path, sha256=wrong)
    with pytest.raises(ValueError, match="is no sha1"):
        verify.verified(path, sha1=SHA256)
    assert verify.is_full(SHA256)
    assert not verify.is_full(SHA256[:63]) and not verify.is_full(None)


def test_a_gzip_file_is_known_by_its_content_too(path):
    for level in (1, 9):
        packed = gzip.compress(CONTENT, level)
        path.write_bytes(packed)
        assert verify.verified(path, sha256=SHA256)
        assert verify.verified(path, sha256=hashlib.sha256(packed).hexdigest())
        assert not verify.verified(path, sha256="0" * 64)
    for damage in (packed[:-9], packed[:40] + b"!!!!" + packed[44:], b"\x1f\x8b"):
        path.write_bytes(damage)
        assert not verify.verified(path, sha256=SHA256)


def test_a_gzip_file_that_swells_beyond_measure_is_not_read_to_its_end(path, monkeypatch):
    path.write_bytes(gzip.compress(bytes(3 * verify.CHUNK)))
    content = hashlib.sha256(bytes(3 * verify.CHUNK)).hexdigest()
    assert verify.verified(path, sha256=content)
    monkeypatch.setattr(verify, "MOST_CONTENT", 3 * verify.CHUNK)
    assert not verify.verified(path, sha256=content)
