"""Any picture file that a person has is read alike, and a bad one gets one clear sentence."""

import io
import os
import threading
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from pictures import corners, noise, saved, scene
from PIL import Image, ImageFile

from gluon_lessons import photos
from gluon_lessons.photos import decode, reading


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "DIB", "JP2"])
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


def test_a_large_jpeg_is_decoded_smaller_where_the_caller_can_do_with_less():
    data = saved(Image.fromarray(scene(800, 1200)), "JPEG")
    assert photos.read(data).shape == (800, 1200, 3)
    for wanted, got in ((900, 800), (800, 800), (400, 400), (300, 400), (150, 200), (60, 100)):
        picture, size = photos.read_sized(data, shorter_side=wanted)
        assert picture.shape[0] == got
        assert size == (800, 1200)
        assert abs(corners(picture) - corners(scene())).max() < 12


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("limit_of_pillow", [None, 10**9, Image.MAX_IMAGE_PIXELS])
def test_a_picture_too_large_for_memory_is_refused_before_it_is_unpacked(kind, limit_of_pillow, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_of_pillow)
    whole = saved(Image.fromarray(scene()), kind)
    assert photos.read(whole).shape == (40, 60, 3)
    monkeypatch.setattr(decode, "MOST_PIXELS", 40 * 60)
    assert photos.read(whole).shape == (40, 60, 3)
    monkeypatch.setattr(decode, "MOST_PIXELS", 40 * 60 - 1)
    unpacked = []
    monkeypatch.setattr(cv2, "imdecode", lambda *_: unpacked.append(1))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda *_: unpacked.append(1))
    with pytest.raises(photos.PhotoError, match="million pixels"):
        photos.read(whole)
    with pytest.raises(photos.PhotoError, match="million pixels"):
        photos.read(Image.new("RGB", (60, 40)))
    assert not unpacked


def test_the_limit_is_a_quarter_of_a_gibibyte_in_rgb():
    assert decode.MOST_PIXELS == 2**28 // 3 == 89_478_485
    assert reading.MOST_BYTES == 2**30


def bomb(kind, width, height):
    """A small file that says that it is huge."""
    file = bytearray(saved(Image.new("L", (60, 40)), kind))
    if kind == "PNG":
        file[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        file[29:33] = zlib.crc32(file[12:29]).to_bytes(4, "big")
    else:
        frame = file.index(b"\xff\xc0")
        file[frame + 5 : frame + 9] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(file)


@pytest.mark.parametrize(
    ("kind", "size"), [("PNG", (100_000, 100_000)), ("PNG", (10_000, 9_000)), ("JPEG", (65_000, 65_000))]
)
@pytest.mark.parametrize("limit_of_pillow", [None, Image.MAX_IMAGE_PIXELS])
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_small_file_that_says_it_is_huge_is_refused(kind, size, limit_of_pillow, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit_of_pillow)
    with pytest.raises(photos.PhotoError, match="more than 89 million pixels"):
        photos.read(bomb(kind, *size))


@pytest.mark.parametrize(("height", "width"), [(1028, 1027), (1027, 1028), (1026, 1024), (803, 800), (16, 17)])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("part", [1, 2, 4, 8])
def test_the_true_size_of_a_jpeg_that_is_nearly_square(height, width, orientation, part):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(scene(height, width)), "JPEG", exif=exif)
    picture, size = photos.read_sized(data, shorter_side=min(height, width) // part)
    assert size == ((width, height) if orientation > 4 else (height, width))
    assert picture.shape[:2] == tuple(-(-side // part) for side in size)
    assert photos.read(data).shape[:2] == size


def test_a_jpeg_and_its_copy_without_loss_lie_the_same_way():
    """OpenCV decodes one and Pillow the other; both are turned by one rule, also by what XMP says."""
    exif = Image.Exif()
    for orientation in (0, 1, 5, 6, 9, 65535):
        exif[0x0112] = orientation
        jpeg, png = (photos.read(saved(Image.fromarray(scene()), kind, exif=exif)) for kind in ("JPEG", "PNG"))
        assert jpeg.shape == png.shape == ((60, 40, 3) if orientation in (5, 6) else (40, 60, 3))
        assert abs(corners(jpeg) - corners(png)).max() < 12


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_data_do_not_cost_the_picture():
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"):
        for kind in ("JPEG", "PNG", "WEBP"):
            picture = photos.read(saved(Image.fromarray(scene()), kind, exif=exif))
            assert abs(corners(picture) - corners(scene())).max() < 12


MODES = ("1", "L", "P", "RGB", "RGBA", "LA", "PA", "CMYK", "YCbCr", "HSV", "I", "F", "I;16", "La", "RGBa", "RGBX")


@pytest.mark.parametrize("mode", MODES)
def test_a_pillow_image_of_any_mode_is_what_it_looks_like(mode):
    grey = mode in ("1", "L", "LA", "La", "I", "F", "I;16")
    base = Image.fromarray(scene())
    if mode == "I;16":
        image = Image.fromarray(np.asarray(base.convert("L")).astype(np.uint16) * 257)
    elif mode in ("La", "RGBa"):
        image = base.convert("L" if mode == "La" else "RGB").convert("LA" if mode == "La" else "RGBA").convert(mode)
    elif mode == "PA":
        image = base.convert("P").convert("PA")
    elif mode == "1":
        image = base.convert("L").point(lambda value: 255 * (value > 60)).convert("1")
    else:
        image = base.convert("L").convert(mode) if grey else base.convert(mode)
    assert image.mode == mode
    expected = corners(np.asarray(base.convert("L").convert("RGB") if grey else base))
    if mode == "1":
        expected = 255 * (expected > 60)
    picture = photos.read(image)
    assert picture.shape == (40, 60, 3) and picture.dtype == np.uint8
    assert abs(corners(picture) - expected).max() <= (20 if mode in ("P", "PA") else 4)


def test_a_pillow_image_is_turned_and_its_transparency_is_white():
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = Image.open(io.BytesIO(saved(Image.fromarray(scene()), "JPEG", exif=exif)))
    assert photos.read(opened).shape == (60, 40, 3)
    for image in (Image.new("LA", (60, 40), (0, 0)), Image.new("RGBA", (60, 40), (0, 0, 0, 0))):
        assert (photos.read(image) == 255).all()
    palette = Image.fromarray(scene()).convert("P")
    palette.info["transparency"] = palette.getpixel((5, 5))
    assert (photos.read(palette)[5, 5] == 255).all()


def test_colours_of_the_lab_kind_are_read():
    lab = Image.fromarray(scene()).convert("LAB")
    for photo in (lab, saved(lab, "TIFF")):
        assert abs(corners(photos.read(photo)) - corners(scene())).max() <= 25


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_what_was_read_can_be_drawn_on(kind, mode):
    if (kind, mode) in (("JPEG", "RGBA"), ("JPEG", "P")):
        return
    for photo in (saved(Image.fromarray(scene()).convert(mode), kind), Image.fromarray(scene()).convert(mode)):
        picture = photos.read(photo)
        assert picture.flags.writeable and picture.flags.c_contiguous


def test_exif_data_that_cannot_be_read_leave_the_picture_as_it_lies(monkeypatch):
    def broken(_):
        raise SyntaxError("not a TIFF file")

    monkeypatch.setattr(Image.Image, "getexif", broken)
    for kind in ("JPEG", "PNG"):
        picture = photos.read(saved(Image.fromarray(scene()), kind))
        assert abs(corners(picture) - corners(scene())).max() < 12


def test_wide_numbers_in_a_file_are_not_cut_to_a_byte():
    ramp = np.linspace(0, 65535, 60).astype(np.int32)[None].repeat(40, axis=0)
    fractions = (ramp / 65535).astype(np.float32)
    for image in (Image.fromarray(ramp), Image.fromarray(fractions)):
        for photo in (image, saved(image, "TIFF")):
            assert abs(photos.read(photo)[0, :, 1].astype(int) - (ramp[0] >> 8)).max() <= 1
    fractions[3, 3] = np.nan
    with pytest.raises(photos.PhotoError, match="holds NaN"):
        photos.read(saved(Image.fromarray(fractions), "TIFF"))


def test_dark_pictures_of_sixteen_bits_stay_dark():
    """A file says how many bits it has, whatever values it holds."""
    dark = np.full((40, 60), 200, np.uint16)
    assert (photos.read(cv2.imencode(".png", dark)[1].tobytes()) == 0).all()


@pytest.mark.parametrize("setting", [True, False])
def test_what_pillow_does_with_half_pictures_is_left_as_it_was(setting, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", setting)
    whole = saved(noise(), "PNG")
    photos.read(whole)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is setting
    with pytest.raises(photos.PhotoError):
        photos.read(whole[: len(whole) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is setting
    photos.read(np.asarray(noise()))
    assert ImageFile.LOAD_TRUNCATED_IMAGES is setting


def test_threads_that_read_at_once_all_refuse_half_pictures(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = saved(noise(), "PNG")
    half, taken = whole[: len(whole) // 2], []

    def read_often():
        for _ in range(100):
            try:
                photos.read(half)
                taken.append("half")
            except photos.PhotoError:
                pass
            photos.read(whole)

    threads = [threading.Thread(target=read_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not taken
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True


def test_a_path_that_is_none_is_refused(tmp_path, monkeypatch):
    for path, said in (
        ("a\0b.jpg", "is no path"),
        ("~nobody-of-that-name/x.jpg", "is no path"),
        ("x" * 5000, "opened"),
    ):
        with pytest.raises(photos.PhotoError, match=said) as caught:
            photos.read(path)
        assert len(str(caught.value)) < 300
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(photos.PhotoError, match="is a device or a pipe"):
        photos.read(tmp_path / "pipe.jpg")
    (tmp_path / "long.png").write_bytes(saved(noise(), "PNG"))
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    with pytest.raises(photos.PhotoError, match="MiB"):
        photos.read(tmp_path / "long.png")


@pytest.mark.parametrize(("height", "width"), [(1, 2000), (2000, 1), (1, 30_000), (30_000, 1), (1, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_one_pixel_wide_takes_no_more_memory_than_its_pixels(height, width, kind):
    data = saved(Image.new("RGB", (width, height), (10, 200, 30)), kind)
    tracemalloc.start()
    try:
        picture, size = photos.read_sized(data, shorter_side=224)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert picture.shape == (height, width, 3) and size == (height, width)
    assert peak < 20 * height * width + 500_000
