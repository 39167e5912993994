"""Writes tests/fixtures/model-input.json: what Pillow and numpy say about the model's inputs.

How to run it: README.md.

The rules are those of transformers (Qwen2VLImageProcessor, get_rope_index, get_window_index),
written with numpy's reshapes and transposes where the code under test uses loops.
"""
import base64, hashlib, io, json, math, pathlib
import numpy as np
from PIL import Image, ImageOps

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "model-input.json"
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


def picture(width, height, channels=3, smooth=False):
    """The test picture: a linear congruential generator, or smooth waves for lossy formats."""
    count = width * height * channels
    if smooth:
        y, x, c = np.mgrid[0:height, 0:width, 0:channels]
        return np.uint8((x * 9 + y * 5 + c * 60) % 256)
    values, state = np.empty(count, np.uint8), 12345
    for index in range(count):
        state = (state * 1103515245 + 12345) % 2**31
        values[index] = state >> 16 & 255
    return values.reshape(height, width, channels)


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def smart_resize(height, width, factor, pixels_min, pixels_max):
    h, w = round(height / factor) * factor, round(width / factor) * factor
    if h * w > pixels_max:
        beta = math.sqrt(height * width / pixels_max)
        h = max(factor, math.floor(height / beta / factor) * factor)
        w = max(factor, math.floor(width / beta / factor) * factor)
    elif h * w < pixels_min:
        beta = math.sqrt(pixels_min / (height * width))
        h = math.ceil(height * beta / factor) * factor
        w = math.ceil(width * beta / factor) * factor
    return h, w


def smart_resizes():
    sizes = [(14, 14), (42, 70), (98, 126), (1, 200), (3, 3), (28, 28), (56, 56), (480, 640),
             (1080, 1920), (4000, 3000), (13, 1300), (224, 224), (70, 6000), (999, 1001)]
    limits = [(56 * 56, 28 * 28 * 1280), (256 * 28 * 28, 1280 * 28 * 28), (4 * 28 * 28, 16 * 28 * 28)]
    return [[h, w, 28, low, high, *smart_resize(h, w, 28, low, high)]
            for h, w in sizes for low, high in limits]


def resizes():
    cases = [(7, 5, 28, 28), (100, 60, 56, 28), (333, 217, 308, 196), (640, 480, 112, 84),
             (30, 30, 28, 28), (28, 28, 28, 28), (56, 28, 28, 56), (1, 1, 28, 28), (2, 300, 28, 56),
             (28, 50, 28, 28), (50, 28, 28, 28)]
    return [[w, h, to_w, to_h, sha(Image.fromarray(picture(w, h)).resize((to_w, to_h), Image.BICUBIC))]
            for w, h, to_w, to_h in cases]


def patches(width, height, pixels_min, pixels_max, patch=14, merge=2, temporal=2):
    h, w = smart_resize(height, width, patch * merge, pixels_min, pixels_max)
    image = np.array(Image.fromarray(picture(width, height)).resize((w, h), Image.BICUBIC))
    image = (image.astype(np.float64) * (1 / 255)).astype(np.float32)
    image = (image - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    frames = np.stack([image.transpose(2, 0, 1)] * temporal)
    gh, gw = h // patch, w // patch
    cut = frames.reshape(1, temporal, 3, gh // merge, merge, patch, gw // merge, merge, patch)
    return cut.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(gh * gw, -1), [1, gh, gw]


def preprocesses():
    result = []
    for width, height, low, high in [(70, 50, 3136, 12544), (224, 224, 3136, 1003520), (20, 90, 12544, 50176)]:
        pixels, grid = patches(width, height, low, high)
        assert pixels.dtype == np.float32
        result.append({"width": width, "height": height, "pixelsMin": low, "pixelsMax": high,
                       "grid": grid, "shape": list(pixels.shape), "sha256": sha(pixels),
                       "head": [float(value) for value in pixels[1, :5]]})
    return result


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def files():
    """Image files by name."""
    rgb = Image.fromarray(picture(11, 7))
    smooth = Image.fromarray(picture(40, 24, smooth=True))
    rgba = Image.fromarray(picture(11, 7, 4))
    grey = rgb.convert("L")
    palette = rgb.quantize(16)
    written = {
        "png rgb": encoded(rgb, "PNG"),
        "png rgba": encoded(rgba, "PNG"),
        "png grey": encoded(grey, "PNG"),
        "png grey and alpha": encoded(rgba.convert("LA"), "PNG"),
        "png one bit": encoded(rgb.convert("1"), "PNG"),
        "png palette": encoded(palette, "PNG"),
        "png palette with transparency": encoded(palette, "PNG", transparency=3),
        "jpeg 4:2:0": encoded(smooth, "JPEG", quality=80),
        "jpeg 4:4:4 progressive": encoded(smooth, "JPEG", quality=90, subsampling=0, progressive=True),
        "jpeg grey": encoded(smooth.convert("L"), "JPEG", quality=80),
        "jpeg cmyk": encoded(smooth.convert("CMYK"), "JPEG", quality=80),
        "webp lossless": encoded(rgb, "WEBP", lossless=True),
        "webp lossless with alpha": encoded(rgba, "WEBP", lossless=True, exact=True),
        "webp lossy": encoded(smooth, "WEBP", quality=80),
    }
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        written[f"jpeg orientation {orientation}"] = encoded(smooth, "JPEG", quality=80, exif=exif.tobytes())
    return written


def opened(content):
    """A file as Pillow opens it, turned as its EXIF says, in its own mode."""
    return ImageOps.exif_transpose(Image.open(io.BytesIO(content)))


def rgb_of(image):
    """transformers' convert_to_rgb: transparency is laid on white."""
    if "A" not in image.getbands() and image.info.get("transparency") is None:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")


def decode(name, content):
    image = rgb_of(opened(content))
    return {"name": name, "base64": base64.b64encode(content).decode(), "width": image.width,
            "height": image.height, "sha256": sha(np.array(image))}


def decodes():
    return [decode(name, content) for name, content in files().items()]


def rope_index(ids, grids, image_token=9, merge=2):
    parts, start, following = [], 0, 0
    for t, h, w in grids:
        end = ids.index(image_token, start)
        text = np.arange(end - start)[None].repeat(3, 0) + following
        base = following + end - start
        size = (t, h // merge, w // merge)
        spread = np.indices(size).reshape(3, -1)
        spread[0] = 0
        parts += [text, spread + base]
        following = int(parts[-1].max()) + 1
        start = end + math.prod(size)
    parts.append(np.arange(len(ids) - start)[None].repeat(3, 0) + following)
    positions = np.concatenate(parts, axis=1)
    return positions, int(positions.max()) + 1


def ropes():
    image = lambda t, h, w: [9] * (t * h * w // 4)
    cases = [
        ([5, 6, 7], []),
        ([5, 1, *image(1, 4, 6), 2, 6, 7], [(1, 4, 6)]),
        ([*image(1, 2, 2), 3], [(1, 2, 2)]),
        ([1, *image(1, 8, 4), 2, 5, 5, 1, *image(1, 4, 10), 2, 7], [(1, 8, 4), (1, 4, 10)]),
        ([1, *image(1, 4, 4), *image(1, 6, 4), 2], [(1, 4, 4), (1, 6, 4)]),
        ([5] * 9 + [1, *image(1, 12, 2)], [(1, 12, 2)]),
    ]
    result = []
    for ids, grids in cases:
        positions, following = rope_index(ids, grids)
        result.append({"ids": ids, "grids": grids, "positions": positions.flatten().tolist(), "next": following})
    return result


def layout(grids, patch=14, merge=2, window=112):
    positions, index, starts, frames, first = [], [], [0], [0], 0
    side = window // merge // patch
    for t, h, w in grids:
        blocks = lambda grid: grid.reshape(h // merge, merge, w // merge, merge).transpose(0, 2, 1, 3).flatten()
        rows, columns = np.indices((h, w))
        positions.append(np.tile(np.stack([blocks(rows), blocks(columns)], -1), (t, 1)))
        uh, uw = h // merge, w // merge
        units = np.arange(t * uh * uw).reshape(t, uh, uw)
        padded = np.pad(units, ((0, 0), (0, side - uh % side), (0, side - uw % side)), constant_values=-100)
        nh, nw = padded.shape[1] // side, padded.shape[2] // side
        windows = padded.reshape(t, nh, side, nw, side).transpose(0, 1, 3, 2, 4).reshape(-1, side * side)
        index.append(windows[windows != -100] + first)
        for count in (windows != -100).sum(1):
            if count:
                starts.append(starts[-1] + int(count) * merge * merge)
        frames += [frames[-1] + (frame + 1) * h * w for frame in range(t)]
        first += t * uh * uw
    return np.concatenate(positions), np.concatenate(index), starts, frames


def layouts():
    cases = [[(1, 2, 2)], [(1, 8, 8)], [(1, 16, 16)], [(1, 10, 18)], [(1, 4, 22), (1, 12, 6)], [(2, 10, 4), (1, 2, 2)]]
    result = []
    for grids in cases:
        positions, index, starts, frames = layout(grids)
        result.append({"grids": grids, "positions": positions.flatten().tolist(), "windowIndex": index.tolist(),
                       "restoreIndex": np.argsort(index).tolist(), "windowStarts": starts, "frameStarts": frames,
                       "windowPositions": positions.reshape(-1, 4, 2)[index].flatten().tolist()})
    return result


if __name__ == "__main__":
    FIXTURE.parent.mkdir(exist_ok=True)
    tables = {"smartResizes": smart_resizes(), "resizes": resizes(), "preprocesses": preprocesses(),
              "decodes": decodes(), "ropes": ropes(), "layouts": layouts()}
    body = ",\n".join(f'"{name}": [\n' + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]"
                      for name, rows in tables.items())
    FIXTURE.write_text("{\n" + body + "\n}\n")
