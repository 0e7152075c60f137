"""Pictures as content: what they show decides, bad files are named, each is decoded once, and a saved model reads new ones."""

import builtins
import io
import struct
import zlib

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from scipy.sparse import issparse

import dualnet
from dualnet import Content, ContentSpec, Dataset, IdMap
from dualnet.cli.arguments import TableOptions, load_data
from dualnet.data import picture_files
from dualnet.data.features import Featurizer
from dualnet.data.featurizers import descriptors, images, pictures
from dualnet.data.featurizers.descriptors import COLOURS, GRADIENTS, GradientsAndColours, PretrainedNetwork, colour_histograms
from dualnet.errors import DataError, DualNetWarning, MissingExtraError, ResourceError, UsageError
from dualnet.models.question_content import as_content
from dualnet.rng import generator

SPEC = ContentSpec(images=("poster",))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def noisy(seed, colour):
    """A picture of one colour with a little noise."""
    noise = generator(seed, "picture").integers(-20, 20, (48, 32, 3))
    return Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8))


def stripes(seed, checks):
    """Stripes, or checks of the same two greys."""
    rows, columns = np.indices((96, 96)) // 12
    pattern = (rows + columns * checks) % 2 * 120 + 60
    noise = generator(seed, "pattern").integers(-10, 10, (96, 96))
    return Image.fromarray((pattern + noise).astype(np.uint8))


def file_of(picture, kind="PNG", **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def content(cells, spec=SPEC):
    return Content(IdMap([f"i{place}" for place in range(len(cells))]), pa.table({"poster": cells}), spec)


def features(cells):
    source = content(cells)
    return Featurizer.fit(source).transform(source)


def test_colours_and_patterns_can_be_told_apart():
    for made in ([noisy(s, c) for c in ((200, 30, 30), (30, 30, 200)) for s in range(4)],
                 [stripes(s, checks) for checks in (False, True) for s in range(4)]):  # fmt: skip
        alike = features([file_of(picture) for picture in made])
        alike = alike @ alike.T
        np.fill_diagonal(alike, -1)
        assert (alike.argmax(axis=1) // 4).tolist() == [0] * 4 + [1] * 4  # the most alike shows the same


def test_gradients_see_patterns_and_colours_see_colours():
    raw = GradientsAndColours().describe([stripes(0, False).convert("RGB"), stripes(0, True).convert("RGB")])
    red, blue = GradientsAndColours().describe([Image.new("RGB", (64, 64), c) for c in ((200, 30, 30), (30, 30, 200))])
    assert np.abs(raw[0, :GRADIENTS] - raw[1, :GRADIENTS]).max() > 0.1
    np.testing.assert_array_equal(red[:GRADIENTS], blue[:GRADIENTS])
    assert (red[GRADIENTS:] * blue[GRADIENTS:]).sum() == 0


def test_colour_histograms_equal_counting_pixel_by_pixel():
    hsv = generator(0, "hsv").integers(0, 256, (6, 8, 3)).astype(np.uint8)
    counts = np.zeros((4, COLOURS))
    for y in range(6):
        for x in range(8):
            hue, saturation, value = (int(hsv[y, x, 0]) // 32, int(hsv[y, x, 1]) * 3 // 256, int(hsv[y, x, 2]) * 3 // 256)
            if saturation == 0 or value == 0:
                hue = 0
            counts[(y >= 3) * 2 + (x >= 4), (hue * 3 + saturation) * 3 + value] += 1
    np.testing.assert_allclose(colour_histograms(hsv), np.sqrt(counts / 12).ravel(), atol=1e-12)


def test_rows_are_unit_or_zero_where_there_is_no_picture():
    with pytest.warns(DualNetWarning, match="1 of 4 rows have no content"):
        rows = features([file_of(noisy(0, (9, 99, 200))), None, file_of(stripes(1, True)), file_of(stripes(2, False))])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 1, 1], atol=1e-5)
    np.testing.assert_allclose((rows[[0, 2, 3], :GRADIENTS] ** 2).sum(axis=1), 0.5, atol=1e-5)
    assert rows.dtype == np.float32


def test_an_empty_path_is_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(file_of(stripes(0, True)))
    (tmp_path / "b.png").write_bytes(file_of(stripes(0, False)))
    with pytest.warns(DualNetWarning, match="1 of 3 rows have no content"):
        assert not features([str(tmp_path / "a.png"), "", str(tmp_path / "b.png")])[1].any()


def test_scale_is_of_the_fitted_rows_alone():
    source = content([file_of(noisy(s, c)) for s, c in enumerate([(200, 0, 0), (150, 90, 0), (0, 0, 250), (10, 250, 9)])])
    some = Featurizer.fit(source, np.array([0, 1]))
    np.testing.assert_array_equal(some.transform(source), Featurizer.fit(source.take(np.array([0, 1]))).transform(source))
    assert not np.array_equal(some.transform(source), Featurizer.fit(source).transform(source))


def test_beside_words_in_one_sparse_matrix():
    table = pa.table({"title": ["a red one", "one blue"], "poster": [file_of(stripes(0, True)), file_of(stripes(0, False))]})
    source = Content(IdMap(["a", "b"]), table, ContentSpec(text=("title",), images=("poster",), min_df=1))
    fitted = Featurizer.fit(source)
    both = fitted.transform(source)
    assert issparse(both)
    assert both.shape == (2, len(fitted.names())) == (2, 3 + GRADIENTS + 4 * COLOURS)
    assert fitted.names()[3] == "poster[gradient 0]"
    assert fitted.names()[-1] == f"poster[colour {4 * COLOURS - 1}]"


MODES = {
    "L": lambda p: p.convert("L"),
    "1": lambda p: p.convert("1"),
    "P": lambda p: p.quantize(16),
    "RGBA": lambda p: p.convert("RGBA"),
    "LA": lambda p: p.convert("LA"),
    "I;16": lambda p: Image.fromarray(np.asarray(p.convert("L")).astype(np.uint16) * 257),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_read_as_the_same_picture(mode):
    plain = stripes(0, True)
    got = pictures.decode_picture(file_of(MODES[mode](plain)), "it")
    assert got.mode == "RGB"
    if mode != "1":
        np.testing.assert_allclose(np.asarray(got.convert("L")).astype(int), np.asarray(plain).astype(int), atol=12)


def test_cmyk_float_animation_and_transparency():
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    assert pictures.decode_picture(file_of(red.convert("CMYK"), "TIFF"), "it").getpixel((0, 0)) == (255, 0, 0)
    steps = Image.fromarray(np.linspace(-3, 7, 64, dtype=np.float32).reshape(8, 8))
    assert pictures.decode_picture(file_of(steps, "TIFF"), "it").convert("L").getextrema() == (0, 255)
    moving = file_of(red, "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), (0, 0, 255))])
    assert pictures.decode_picture(moving, "it").getpixel((0, 0))[0] > 250
    clear = file_of(Image.new("RGBA", (8, 8), (0, 0, 0, 0)))
    assert pictures.decode_picture(clear, "it").getpixel((0, 0)) == (255, 255, 255)


def bomb(width, height):
    """A PNG of a few hundred bytes that claims a huge size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (file_of(stripes(0, True))[:400], "is not a whole picture: "),
        (file_of(noisy(0, (1, 2, 3)), "JPEG")[:300], "is not a whole picture: "),
        (b"hello", "not a JPEG, PNG, WebP, GIF, BMP, TIFF or PPM file"),
        (b"", "not a JPEG, PNG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n", "not a JPEG, PNG"),
        (bomb(8000, 8000), "claims 8,000 x 8,000 pixels, more than 50,000,000"),
        pytest.param(bomb(60_000, 60_000), "is not a whole picture: Image size", marks=pytest.mark.filterwarnings("ignore")),
    ],
)  # fmt: skip
def test_bad_pictures_name_item_column_path_and_remedy(data, text, tmp_path):
    stripes(0, True).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(DataError) as caught:
        features([str(tmp_path / "good.png"), str(tmp_path / "bad.png")])
    for part in ("column 'poster' of item 'i1'", str(tmp_path / "bad.png"), text, "mend it, or leave the cell empty"):
        assert part in str(caught.value)


def test_cells_that_are_no_picture(tmp_path, monkeypatch):
    for cell, text in (
        (str(tmp_path / "none.png"), "there is no picture file"),
        (str(tmp_path), "there is no picture file"),
        ("a\0b", "picture"),
    ):
        with pytest.raises(DataError, match=text):
            features([cell])
    with pytest.raises(DataError, match="column 'poster' of 'i0' is 7, not a picture; give the path"):
        features([7])
    with pytest.raises(DataError, match="column 'poster' has no picture in any row"):
        features([None, None])
    monkeypatch.setattr(picture_files, "LARGEST_FILE", 10)
    (tmp_path / "big.png").write_bytes(b"x" * 11)
    for cell in (b"x" * 11, str(tmp_path / "big.png")):
        with pytest.raises(DataError, match="11 bytes; pictures may have 10"):
            features([cell])
    with pytest.raises(DataError, match="11 bytes; pictures may have 10"):
        content([str(tmp_path / "big.png")]).fingerprint()


def test_each_picture_is_decoded_once(tmp_path, monkeypatch):
    cells = [file_of(stripes(s, True)) for s in range(3)] + [file_of(stripes(0, True))]
    first = features(cells)

    def refuse(data, where):
        raise AssertionError(f"{where} was decoded again")

    monkeypatch.setattr(images, "decode_picture", refuse)
    np.testing.assert_array_equal(features(cells), first)
    paths = [tmp_path / f"{place}.png" for place in range(4)]
    for path, data in zip(paths, cells, strict=True):
        path.write_bytes(data)
    np.testing.assert_array_equal(features([str(path) for path in paths]), first)
    with pytest.raises(AssertionError, match="'i1' was decoded again"):
        features([cells[0], file_of(stripes(9, True))])


def test_a_damaged_cache_changes_nothing(tmp_path):
    cells = [file_of(stripes(s, True)) for s in range(3)]
    first = features(cells)
    cache = tmp_path / "cache" / "dualnet" / "vectors.sqlite"
    cache.write_bytes(cache.read_bytes()[:100] + b"\xff" * 5000)
    with pytest.warns(DualNetWarning, match="damaged"):
        again = features(cells)
    np.testing.assert_array_equal(again, first)


def shelf(folder):
    """Events and items tables where taste goes by the colour of the cover; the items name pictures beside their file."""
    (folder / "covers").mkdir(parents=True)
    lines = ["item_id,cover"]
    for place in range(24):
        noisy(place, (200, 40, 40) if place % 2 else (40, 40, 200)).save(folder / "covers" / f"{place}.png")
        lines.append(f"p{place:02},covers/{place}.png")
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    rng = generator(0, "shelf")
    events = ["user_id,item_id"]
    for user in range(40):
        events += [f"u{user},p{2 * k + user % 2:02}" for k in sorted(rng.choice(12, 6, replace=False))]
    (folder / "events.csv").write_text("\n".join(events) + "\n")
    return folder


def test_a_saved_model_reads_the_picture_of_a_new_item(tmp_path):
    here = shelf(tmp_path / "shelf")
    data = Dataset.from_tables(here / "events.csv", here / "items.csv", images="cover")
    model = dualnet.ContentProfile().fit(data)
    model.save(tmp_path / "model")
    again = dualnet.load(tmp_path / "model")
    other = tmp_path / "other"
    (other / "in").mkdir(parents=True)
    noisy(99, (200, 40, 40)).save(other / "in" / "red.png")
    noisy(98, (40, 40, 200)).save(other / "in" / "blue.png")
    (other / "new.csv").write_text("item_id,cover\nblue,in/blue.png\nred,in/red.png\n")
    new = as_content(other / "new.csv", again)
    np.testing.assert_array_equal(again.featurizer_.transform(new), model.featurizer_.transform(new))
    again.add_items(new)
    again.add_items(pa.table({"item_id": ["raw"], "cover": [file_of(noisy(97, (200, 40, 40)))]}))  # bytes beside paths
    order = again.recommend(history=["p01", "p03"], k=25).ids
    assert max(order.index("red"), order.index("raw")) < order.index("blue")
    assert dualnet.load(again.save(tmp_path / "model")).recommend(history=["p01", "p03"], k=25).ids == order


def test_the_command_line_reads_pictures_beside_words(tmp_path):
    here = shelf(tmp_path / "shelf")
    table = (here / "items.csv").read_text().replace("cover\n", "cover,title\n").replace(".png", ".png,two words")
    (here / "items.csv").write_text(table)
    options = TableOptions(items=here / "items.csv", images="cover", text="title", text_encoder="hashing")
    data = load_data(str(here / "events.csv"), options)
    assert data.items.spec == ContentSpec(text=("title",), images=("cover",), text_encoder="hashing")
    assert Featurizer.fit(data.items).n_features == 20_000 + 1188
    assert load_data(str(here / "events.csv"), options, "cover").items.spec.columns == ("cover",)


def test_a_fingerprint_goes_by_what_pictures_show(tmp_path):
    first, second = (shelf(tmp_path / name) for name in ("a", "b"))
    marks = [Dataset.from_tables(h / "events.csv", h / "items.csv", images="cover").fingerprint() for h in (first, second)]
    assert marks[0] == marks[1]
    noisy(5, (9, 200, 9)).save(second / "covers" / "5.png")
    assert Dataset.from_tables(second / "events.csv", second / "items.csv", images="cover").fingerprint() != marks[0]


@pytest.mark.parametrize(("module", "package"), [("skimage", "scikit-image"), ("PIL", "pillow")])
def test_missing_packages_are_named(module, package, monkeypatch):
    cells, real = [file_of(stripes(0, True))], builtins.__import__

    def without(wanted, *rest, **more):
        if wanted.split(".")[0] == module:
            raise ModuleNotFoundError(f"No module named '{module}'", name=module)
        return real(wanted, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=rf"'{package}'.*pip install 'dualnet\[images\]'"):
        features(cells)


@pytest.mark.parametrize("model", ["resnet18", "resnet18:weights.bin", ":weights.safetensors"])
def test_a_network_is_a_name_and_a_safetensors_file(model):
    with pytest.raises(UsageError, match="image_model must be NAME:WEIGHTS"):
        PretrainedNetwork(model)


def test_weights_are_never_fetched(tmp_path):
    with pytest.raises(ResourceError, match="weights .* cannot be read .*nothing is downloaded"):
        PretrainedNetwork(f"resnet18:{tmp_path / 'w.safetensors'}")


@pytest.fixture
def network(tmp_path):
    """A tiny timm network with random weights, and its file."""
    try:
        timm = pytest.importorskip("timm", reason="needs the extra image-models")
    except RuntimeError as error:
        pytest.skip(f"timm does not start, its torchvision was built for another torch: {error}")
    import torch
    from safetensors.torch import save_file

    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = timm.create_model("test_resnet", pretrained=False)
    save_file(made.state_dict(), tmp_path / "w.safetensors")
    return made.eval(), f"test_resnet:{tmp_path / 'w.safetensors'}"


def test_a_network_describes_as_timm_does_and_is_checked_when_applied(network, tmp_path):
    import timm
    import torch

    made, model = network
    picture = noisy(0, (120, 60, 20))
    prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(made), is_training=False)
    made.reset_classifier(0)
    state = torch.random.get_rng_state()
    got = PretrainedNetwork(model).describe([picture, stripes(0, True).convert("RGB")])
    assert torch.equal(state, torch.random.get_rng_state())
    with torch.inference_mode():
        expected = made(prepare(picture)[None]).numpy()[0]
    np.testing.assert_allclose(got[0], expected, atol=1e-5)

    source = content(
        [file_of(noisy(s, (s * 60, 90, 30))) for s in range(4)], ContentSpec(images=("poster",), image_model=model)
    )
    fitted = Featurizer.fit(source)
    rows = fitted.transform(source)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert fitted.names()[1] == "poster[feature 1]"
    again = Featurizer.from_state(*fitted.to_state())
    np.testing.assert_array_equal(again.transform(source), rows)
    from safetensors.torch import save_file

    save_file({name: value * 2 for name, value in made.state_dict().items()}, tmp_path / "w.safetensors")
    with pytest.raises(DataError, match="put the same weights back, or fit again"):
        again.transform(source)


def test_weights_of_another_network_are_refused(network, tmp_path):
    model = network[1]
    with pytest.raises(DataError, match="does not hold the weights of resnet18"):
        PretrainedNetwork(model.replace("test_resnet", "resnet18")).describe([stripes(0, True).convert("RGB")])
    with pytest.raises(UsageError, match="timm has no network 'test_resnett'. Did you mean"):
        PretrainedNetwork(model.replace("test_resnet", "test_resnett")).describe([stripes(0, True).convert("RGB")])
    (tmp_path / "w.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(DataError, match="does not hold the weights"):
        PretrainedNetwork(model).describe([stripes(0, True).convert("RGB")])


def test_lengths_agree():
    assert sum(GradientsAndColours().parts.values()) == 1188 == descriptors.GRADIENTS + 4 * descriptors.COLOURS
