"""Writes tests/fixtures/input-parity.json: what transformers' processor makes of files and chats.

How to run it: README.md. The processor is the slow one, on Pillow and numpy
(Qwen2VLImageProcessorPil in transformers 5, Qwen2VLImageProcessor before). It is given files as
Pillow opens them, so that it converts every mode to RGB itself.
"""
import json, pathlib, struct, tempfile, zlib
import numpy as np
from PIL import Image
from transformers import AutoTokenizer, Qwen2_5_VLProcessor, Qwen2VLVideoProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from model_input import MEAN, STD, decode, encoded, files as common_files, opened, picture, sha
from tokenizer_parity import small_tokenizer

FIXTURE = pathlib.Path(__file__).parents[1] / "fixtures" / "input-parity.json"


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def wide_png(channels, colour, *extra, divisor=1):
    """A PNG of 16 bits per channel, which Pillow itself writes for grey alone."""
    values = picture(11, 7, 2 * channels).reshape(7, 11 * channels, 2).astype(">u2")
    values = ((values[..., 0] * 256 + values[..., 1]) // divisor).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 11, 7, 16, colour, 0, 0, 0)
    content = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(extra) + content


def more_files():
    """Formats beyond those of model_input.py."""
    rgb = Image.fromarray(picture(11, 7))
    rgba = Image.fromarray(picture(11, 7, 4))
    smooth = Image.fromarray(picture(40, 24, smooth=True))
    odd = Image.fromarray(picture(37, 21, smooth=True))
    turned = Image.Exif()
    turned[0x0112] = 6
    turned = turned.tobytes()
    frames = {"save_all": True, "append_images": [odd.resize((40, 24))]}
    return {
        "png 16 bit rgb": wide_png(3, 2),
        "png 16 bit rgb with gamma": wide_png(3, 2, chunk(b"gAMA", struct.pack(">I", 100_000))),
        "png 16 bit rgba": wide_png(4, 6),
        "png 16 bit grey and alpha": wide_png(2, 4),
        "png 16 bit grey": wide_png(1, 0),
        "png 16 bit grey, dark": wide_png(1, 0, divisor=300),
        "png 16 bit grey with transparency": wide_png(1, 0, chunk(b"tRNS", b"\0\5"), divisor=300),
        "png rgb with transparency": encoded(rgb, "PNG", transparency=(1, 2, 3)),
        "png grey with transparency": encoded(rgb.convert("L"), "PNG", transparency=5),
        "png orientation 6": encoded(rgb, "PNG", exif=turned),
        "png animated": encoded(smooth, "PNG", **frames),
        "jpeg 4:2:2": encoded(smooth, "JPEG", quality=85, subsampling=1),
        "jpeg 4:2:0 of odd size": encoded(odd, "JPEG", quality=75),
        "jpeg rgb": encoded(smooth, "JPEG", quality=80, keep_rgb=True),
        "jpeg cmyk orientation 6": encoded(smooth.convert("CMYK"), "JPEG", quality=80, exif=turned),
        "webp lossy of odd size": encoded(odd, "WEBP", quality=70),
        "webp lossy with alpha": encoded(rgba, "WEBP", quality=70),
        "webp orientation 6": encoded(rgb, "WEBP", lossless=True, exif=turned),
        "webp animated": encoded(smooth, "WEBP", lossless=True, **frames),
    }


PUBLISHED = {
    "min_pixels": 3136, "max_pixels": 12845056, "patch_size": 14, "temporal_patch_size": 2,
    "merge_size": 2, "image_mean": MEAN, "image_std": STD,
    "image_processor_type": "Qwen2VLImageProcessor", "processor_class": "Qwen2_5_VLProcessor",
}
SMALL = {**PUBLISHED, "min_pixels": 4 * 784, "max_pixels": 16 * 784}
ODD = {
    "size": {"shortest_edge": 576, "longest_edge": 9216}, "patch_size": 8, "merge_size": 3,
    "temporal_patch_size": 1, "image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.3],
    "rescale_factor": 1 / 127.5,
}
SIZES = [(1, 1), (333, 217), (5, 1000), (90, 20), (28, 28), (97, 297), (246, 100)]


def processed(processor, images):
    out = processor(images=images, return_tensors="np")
    assert out["pixel_values"].dtype == np.float32
    return {"grids": out["image_grid_thw"].tolist(), "sha256": sha(out["pixel_values"])}


def of_sizes(name, settings):
    """All pictures as one call; `saved` is what transformers 5 writes for the same processor."""
    processor = Qwen2VLImageProcessorPil(**settings)
    images = [Image.fromarray(picture(*size)) for size in SIZES]
    return {"name": name, "published": settings, "saved": saved(processor), "sizes": SIZES,
            **processed(processor, images)}


def saved(processor):
    with tempfile.TemporaryDirectory() as folder:
        chat_processor(processor, "").save_pretrained(folder)
        return json.loads((pathlib.Path(folder) / "processor_config.json").read_text())


def tokenizer():
    """The small tokenizer of the tests, opened as a checkpoint's."""
    config = {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|im_end|>",
              "pad_token": "<|endoftext|>"}
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "tokenizer.json").write_text(json.dumps(small_tokenizer()))
        (pathlib.Path(folder) / "tokenizer_config.json").write_text(json.dumps(config))
        return AutoTokenizer.from_pretrained(folder)


TOKENIZER = tokenizer()


def chat_processor(images, template):
    return Qwen2_5_VLProcessor(images, TOKENIZER, Qwen2VLVideoProcessor(), chat_template=template)


# With what templates of this family use: counters, white space control, tests and filters.
TEMPLATE = """\
{#- numbers its images when asked to -#}
{%- set seen = namespace(images=0) -%}
{%- macro start(role) -%}<|im_start|>{{ role }}
{% endmacro -%}
{% for message in messages %}
    {%- if loop.first and message.role != 'system' %}
        {{- start('system') }}You are a helpful assistant.<|im_end|>
{% endif %}
    {{- start(message['role']) }}
    {%- if message.content is string %}
        {{- message.content }}
    {%- else %}
        {%- for part in message.content %}
            {%- if part.type == 'image' or 'image' in part or 'image_url' in part %}
                {%- set seen.images = seen.images + 1 %}
                {%- if number_images %}Picture {{ seen.images }}: {% endif %}
                {{- '<|vision_start|><|image_pad|><|vision_end|>' }}
            {%- elif part.text is defined %}
                {{- part['text'] }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>' ~ '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ start('assistant') }}{% endif %}
"""


def text(words):
    return {"type": "text", "text": words}


def image(width, height):
    return {"type": "image", "size": [width, height]}


CHATS = [
    [{"role": "user", "content": "the image shows two cats"}],
    [{"role": "system", "content": "I'll look at the image.\n\nthey've"},
     {"role": "user", "content": ""}, {"role": "assistant", "content": " naïve café  "},
     {"role": "user", "content": "你好世界 ﬀ\u0301\r\n\t1234"}],
    [{"role": "user", "content": [image(70, 50), text("what are two dogs?")]}],
    [{"role": "user", "content": [text("one: "), image(70, 50), text(", two: "), image(20, 200),
                                  image(1, 1), text("same?")]},
     {"role": "assistant", "content": [text("import cv2\nprint(image.shape)\n")]},
     {"role": "user", "content": [text("the image of the tool:\n"), image(200, 90)]},
     {"role": "assistant", "content": "the answer is red"},
     {"role": "user", "content": [text("sure?")]}],
]


def with_pixels(message):
    if isinstance(message["content"], str):
        return message
    def seen(part):
        pixels = Image.fromarray(picture(*part["size"])) if "size" in part else None
        return part if pixels is None else {"type": "image", "image": pixels}

    return {**message, "content": [seen(part) for part in message["content"]]}


def chat(template, messages, more):
    processor = chat_processor(Qwen2VLImageProcessorPil(**SMALL), template)
    given = [with_pixels(message) for message in messages]
    options = {"add_generation_prompt": more}
    out = processor.apply_chat_template(given, tokenize=True, return_dict=True, **options)
    return {"messages": messages, "addGenerationPrompt": more, "ids": out["input_ids"][0],
            "text": processor.apply_chat_template(given, tokenize=False, **options)}


if __name__ == "__main__":
    more = more_files()
    small = Qwen2VLImageProcessorPil(**SMALL)
    tables = {
        "files": [decode(name, content) for name, content in more.items()],
        "pixels": [{"name": name, **processed(small, [opened(content)])}
                   for name, content in {**common_files(), **more}.items()],
        "processors": [of_sizes("published", PUBLISHED), of_sizes("small", SMALL),
                       of_sizes("odd", ODD)],
        "chats": [chat(TEMPLATE, messages, more) for messages in CHATS for more in (False, True)],
    }
    settings = {"template": TEMPLATE, "small": SMALL}
    body = [f'"{name}": {json.dumps(value)}' for name, value in settings.items()]
    for name, table in tables.items():
        rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in table)
        body.append(f'"{name}": [\n{rows}\n]')
    FIXTURE.write_text("{\n" + ",\n".join(body) + "\n}\n")
