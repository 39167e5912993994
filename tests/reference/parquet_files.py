"""Small Parquet files as pyarrow writes them: every usual compression, several row groups, and images
as Hugging Face's datasets keep them."""

import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

folder = Path("tests/fixtures/parquet")
folder.mkdir(parents=True, exist_ok=True)


def png(shade: int, side: int = 32) -> bytes:
    """A grey image of one shade."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([shade]) * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def write(name: str, columns: dict, **options) -> None:
    pq.write_table(pa.table(columns), folder / f"{name}.parquet", row_group_size=2, **options)


words = {
    "number": pa.array([11, 12, 2**53 + 1, 14, 15], pa.int64()),
    "ask": ["Who?", "What is “it”?", "Wo, in München?", "哪里？", "When?"],
    "truth": pa.array([["Ada"], ["a", "b"], ["dort"], ["这里"], ["1815"]], pa.list_(pa.string())),
    "trouble": pa.array(["dark", "none", "dark", "dark", "none"]).dictionary_encode(),
    "score": pa.array([0.5, 1.0, None, 0.25, 0.0]),
}
for compression in ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]:
    write(f"words-{compression}", words, compression=compression)

image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
pictures = [
    {"bytes": png(10), "path": "a.png"},
    {"bytes": png(20), "path": None},
    {"bytes": None, "path": "beside.png"},
    None,
    {"bytes": png(50), "path": "e.png"},
]
shown = {"ask": words["ask"], "truth": ["a", "b", "c", "d", "e"], "image": pa.array(pictures, image)}
write("images", shown, compression="snappy", write_page_index=True)
shades = [png(10), png(20), None, png(40), png(50)]
write("bytes", {**shown, "image": pa.array(shades, pa.binary())}, compression="zstd")
(folder / "beside.png").write_bytes(png(30))

bad = {
    "ask": ["Who?", None, "What?", "Where?"],
    "truth": pa.array([["a"], ["b"], [], ["d"]], pa.list_(pa.string())),
    "image": pa.array([None, None, None, {"bytes": None, "path": "nowhere.png"}], image),
}
write("bad", bad)
