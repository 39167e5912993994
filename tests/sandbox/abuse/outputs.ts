// Programs that lie: about their output, about their image, in the runner's own protocol.
import { copyThen } from "../programs.ts";
import { type Abuse, attempts, refusals } from "./types.ts";

const output = "path_to_output_image.jpg";
const write = (bytes: string, imports = "os") =>
  `import ${imports}\nopen("${output}", "wb").write(${bytes})`;

/** A PNG by hand: a header of any size, and data that need not fill it. */
const png = (width: number, height: number, data: string) => `import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
header = struct.pack(">IIBBBBB", ${width}, ${height}, 8, 2, 0, 0, 0)
picture = b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", header) + chunk(b"IDAT", ${data}) + chunk(b"IEND", b"")
open("${output}", "wb").write(picture)`;

const rows = (width: number, height: number) =>
  `zlib.compress(bytes(${(width * 3 + 1) * height}), 9)`;

export const outputs: readonly Abuse[] = [
  {
    what: "a link to the host's files as output",
    cause: "bad-image",
    program: `import os\nos.symlink("/etc/passwd", "${output}")`,
  },
  {
    what: "a link to the input as output",
    cause: "bad-image",
    program: `import os\nos.symlink("path_to_input_image.jpg", "${output}")`,
  },
  {
    what: "a link in place of the whole folder",
    cause: "no-image",
    program:
      'import os; here = os.getcwd(); os.rename(here, "/tmp/other"); os.symlink("/etc", here)',
  },
  {
    what: "a hard link to another file system",
    cause: "error",
    program: `import os\nos.link("/etc/passwd", "${output}")`,
  },
  { what: "a pipe as output", cause: "bad-image", program: `import os\nos.mkfifo("${output}")` },
  { what: "a folder as output", cause: "bad-image", program: `import os\nos.mkdir("${output}")` },
  {
    what: "a socket as output",
    cause: "bad-image",
    program: `import socket\nsocket.socket(socket.AF_UNIX).bind("${output}")`,
  },
  {
    what: "a link to a device as output",
    cause: "bad-image",
    program: `import os\nos.symlink("/dev/zero", "${output}")`,
  },
  {
    what: "an output that nobody may read",
    cause: "bad-image",
    program: copyThen(`import os\nos.chmod("${output}", 0)`),
  },
  {
    what: "a sparse output",
    cause: "output-too-large",
    program: `import os\nos.truncate(os.open("${output}", os.O_CREAT | os.O_RDWR), 16_000_000)`,
  },
  {
    what: "a picture whose header promises terapixels",
    cause: "output-too-large",
    program: png(1_000_000, 1_000_000, 'zlib.compress(b"x")'),
  },
  {
    what: "a decompression bomb",
    cause: "output-too-large",
    program: png(20_000, 6_000, rows(20_000, 1_000)),
  },
  {
    what: "a JPEG whose header promises the largest picture",
    cause: "output-too-large",
    program: `import cv2
data = bytearray(cv2.imencode(".jpg", cv2.imread("path_to_input_image.jpg"))[1].tobytes())
at = data.index(b"\\xff\\xc0")
data[at + 5 : at + 9] = b"\\xff\\xdc\\xff\\xdc"
open("${output}", "wb").write(data)`,
  },
  {
    what: "a picture of one line",
    cause: "bad-image",
    program: png(100_000, 1, rows(100_000, 1)),
  },
  { what: "a picture of no pixels", cause: "bad-image", program: png(0, 0, 'zlib.compress(b"")') },
  {
    what: "a picture without its end",
    cause: "bad-image",
    program: `import cv2
data = cv2.imencode(".png", cv2.imread("path_to_input_image.jpg"))[1].tobytes()
open("${output}", "wb").write(data[:-30])`,
  },
  {
    what: "a picture with a page of another kind behind it",
    cause: "ok",
    program: `import cv2, os
data = cv2.imencode(".png", cv2.imread("path_to_input_image.jpg"))[1].tobytes()
open("${output}", "wb").write(data + b"PK\\x03\\x04<script>" + os.urandom(1_000_000))`,
    imageBytesMax: 20_000,
  },
  {
    what: "a script that calls itself a picture",
    cause: "bad-image",
    program: write(
      `b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'`,
    ),
  },
  {
    what: "a GIF of many frames",
    cause: "bad-image",
    program: write('b"GIF89a" + bytes(1000)'),
  },
  {
    what: "a picture in a format nobody asked for",
    cause: "bad-image",
    program: `import cv2, os
cv2.imwrite("x.tiff", cv2.imread("path_to_input_image.jpg"))
os.rename("x.tiff", "${output}")`,
  },
  {
    what: "a pickle as output",
    cause: "bad-image",
    program: `import os, pickle
class Trap:
    def __reduce__(self): return os.system, ("reboot",)
open("${output}", "wb").write(pickle.dumps(Trap()))`,
  },
  {
    what: "a pickle that it loads itself",
    cause: "no-image",
    program: `import os, pickle
class Trap:
    def __reduce__(self): return os.kill, (1, 9)
try: pickle.loads(pickle.dumps(Trap())); print("done")
except OSError: print("refused")`,
    stdout: refusals(1),
  },
  {
    what: "a bomb of an image that it reads itself",
    cause: "out-of-memory",
    program: `${png(16_000, 16_000, rows(16_000, 100))}
import cv2
cv2.imread("${output}")
cv2.resize(cv2.imread("path_to_input_image.jpg"), (16_000, 16_000))`,
  },
  {
    what: "a forged answer",
    cause: "no-image",
    program: `import os
for n in range(256):
    try: os.write(n, b"\\0\\0\\0\\x0b" + b'{"ready":1}')
    except OSError: pass`,
  },
  {
    what: "a forged answer on its own output",
    cause: "no-image",
    program: `import os
header = b'{"nonce":"","cause":"ok","signal":0,"exitCode":0,"stdout":0,"stderr":0}'
os.write(1, len(header).to_bytes(4, "big") + header)`,
  },
  {
    what: "the way to the head",
    cause: "no-image",
    program: `import os
names = sorted(os.listdir("/proc/self/fd"))
print(names[:3], len(names))`,
    stdout: "['0', '1', '2'] 4\n",
  },
  {
    what: "the head's own input",
    cause: "error",
    program: "input()",
  },
  {
    what: "every descriptor closed",
    cause: "ok",
    program: copyThen("import os\nos.closerange(0, 1000)"),
  },
  {
    what: "streams that fight back",
    cause: "ok",
    program: copyThen(`import sys
class Hostile:
    def __getattr__(self, name): raise KeyboardInterrupt
sys.stdout = sys.stderr = Hostile()`),
  },
  {
    what: "an end that was taken away",
    cause: "error",
    program: copyThen(
      "import os, sys\nos._exit = sys.exit = lambda code: None\nraise SystemExit(1)",
    ),
  },
  {
    what: "the runner's own program, started by itself",
    cause: "error",
    program: `import os
os.execv("/usr/bin/python3", ["python3", "/opt/varft/runner.py", "--container"])`,
  },
  {
    what: "poisoned modules",
    cause: "ok",
    program: copyThen(`import builtins, cv2, json, numpy, os, shutil, sys
cv2.imread = cv2.imwrite = numpy.array = json.dumps = os.read = shutil.copy = lambda *_: None
sys.modules["cv2"] = sys.modules["numpy"] = None
builtins.open = builtins.print = None`),
  },
  {
    what: "modules for whoever comes next",
    cause: "ok",
    program: copyThen(`import os
for folder in ("/tmp", os.getcwd(), "/tmp/.local/lib/python3.11/site-packages"):
    os.makedirs(folder, exist_ok=True)
    for name in ("cv2.py", "json.py", "sitecustomize.py", "evil.pth"):
        open(os.path.join(folder, name), "w").write("import os; os._exit(9)")`),
  },
  {
    what: "names that no terminal likes",
    cause: "ok",
    program: copyThen(`import os
for name in (b"\\xff\\xfe", b"a\\nb", b"-rf", b"x" * 255, b"\\x1b[2J"): open(name, "w")`),
  },
  {
    what: "folders that let nobody in",
    cause: "bad-image",
    program: `import os
os.makedirs("a/b/c")
open("a/b/c/file", "w")
for path in ("a/b/c", "a/b", "a", ".", "/tmp"): os.chmod(path, 0)`,
  },
  {
    what: "files that must not change",
    cause: "no-image",
    program: attempts(
      "fcntl, os, struct",
      'fcntl.ioctl(os.open("f", os.O_CREAT), 0x40086602, struct.pack("l", 0x10))',
    ),
    stdout: refusals(1),
  },
  {
    what: "a window",
    cause: "error",
    program: 'import cv2; cv2.imshow("x", cv2.imread("path_to_input_image.jpg"))',
  },
  { what: "a video", cause: "error", program: 'import cv2; cv2.VideoCapture("/dev/video0")' },
];
