"""Numbers that Python and TypeScript make alike, so that a fixture needs no weights and no pixels.

Element i of the list called NAME is a hash of (NAME, i) as a number in [-1, 1). The other half is
tests/model/parity/formula.ts.
"""
import math
import numpy as np


def uniforms(name, count):
    """`count` float64 numbers in [-1, 1), multiples of 2^-23."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 % 2**32  # FNV-1a
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(seed)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):  # murmur3's last steps
            x = (x ^ x >> np.uint32(shift)) * np.uint32(factor)
        x = x ^ x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def spread(name, count, middle, reach):
    """float32 numbers in [middle - reach, middle + reach)."""
    return (middle + reach * uniforms(name, count)).astype(np.float32)


def words(name, count, first, last):
    """Whole numbers in [first, last]."""
    share = (uniforms(name, count) + 1) / 2
    return [first + math.floor(value * (last - first + 1)) for value in share]


def weight(name, shape):
    """A parameter of the checkpoint, by its published name."""
    count, fan_in = math.prod(shape), math.prod(shape[1:])
    if name.endswith(".bias"):
        middle, reach = 0, 0.1
    elif name == "model.norm.weight":
        middle, reach = 4, 1  # so that logits differ by a few nats
    elif len(shape) == 1:
        middle, reach = 1, 0.2  # a norm
    elif name in ("model.embed_tokens.weight", "lm_head.weight"):
        middle, reach = 0, 0.75 / math.sqrt(fan_in)  # a tied model would else repeat itself
    elif name.endswith(".lora_B.weight"):
        middle, reach = 0, 0.5 / math.sqrt(fan_in)
    else:
        middle, reach = 0, math.sqrt(3 / fan_in)
    return spread(name, count, middle, reach).reshape(shape)


def projections(values):
    """Two weighted sums of all values; a difference anywhere shows in them."""
    flat = np.asarray(values, np.float64).ravel()
    return [float(flat @ uniforms(f"projection {k}", flat.size)) * math.sqrt(3) for k in range(2)]


def short(value):
    """Rounded to 9 significant digits, which name a float32."""
    if isinstance(value, dict):
        return {key: short(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [short(item) for item in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{float(value):.9g}")
    return value.item() if isinstance(value, np.generic) else value
