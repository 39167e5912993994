// Programs that want more than there is: processes, memory, disk, time, output.
import { copyThen } from "../programs.ts";
import type { Abuse } from "./types.ts";

const spin = "while True: pass";

export const resources: readonly Abuse[] = [
  {
    what: "a fork bomb",
    cause: "timeout",
    program: "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
  },
  {
    what: "a fork bomb of sessions of their own, signals ignored",
    cause: "timeout",
    program: `import os, signal
for number in range(1, 64):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True:
    try:
        if os.fork() == 0: os.setsid()
    except OSError: pass`,
  },
  {
    what: "a fork bomb that goes on in a daemon",
    cause: "ok",
    program: copyThen(`import os
if os.fork() == 0:
    os.setsid()
    while True:
        try: os.fork()
        except OSError: pass`),
  },
  {
    what: "a memory bomb of many processes",
    cause: "out-of-memory",
    waits: true,
    program: `import os
for _ in range(12):
    if os.fork() == 0:
        block = bytearray(120_000_000)
        for at in range(0, len(block), 4096): block[at] = 1
        ${spin}
${spin}`,
  },
  {
    what: "a memory bomb that doubles",
    cause: "out-of-memory",
    program: "block = b'x'\nwhile True: block += block",
  },
  {
    what: "a memory bomb of arrays",
    cause: "out-of-memory",
    program: "import numpy\nkept = [numpy.ones((4000, 4000)) for _ in range(50)]",
  },
  {
    what: "a memory bomb that shrugs the error off",
    cause: "timeout",
    program: `kept = []
while True:
    try: kept.append(bytearray(8_000_000))
    except MemoryError: pass`,
  },
  {
    what: "memory in files without a name",
    cause: "out-of-memory",
    waits: true,
    program: `import os, time
block = bytes(8_000_000)
for _ in range(3): os.fork()
for _ in range(50):
    descriptor = os.memfd_create("x")
    os.write(descriptor, block)
    os.write(descriptor, block)
time.sleep(60)`,
  },
  {
    what: "memory that makes the runner the largest process",
    cause: "out-of-memory",
    waits: true,
    endsRunner: true,
    program: `import os, subprocess, time
for path in ("/proc/self/oom_score_adj", "/proc/1/oom_score_adj"):
    try: open(path, "wb", 0).write(b"0" if "self" in path else b"1000")
    except OSError: pass
small = """
import os
for _ in range(6):
    f = os.memfd_create('x')
    for _ in range(15): os.write(f, bytes(1_000_000))
while True: pass
"""
if os.fork() == 0:
    for _ in range(20): subprocess.Popen(["/usr/bin/python3", "-S", "-E", "-c", small])
    os._exit(0)
os.execv("/usr/bin/python3", ["python3", "-S", "-c", "import time; time.sleep(60)"])`,
  },
  {
    what: "memory in mappings",
    cause: "error",
    program: "import mmap\nkept = [mmap.mmap(-1, 100_000_000) for _ in range(100)]",
  },
  {
    what: "a bomb of compressed zeros",
    cause: "out-of-memory",
    program: `import zlib
packed = zlib.compress(bytes(50_000_000), 1)
unpacked = b"".join(zlib.decompress(packed) for _ in range(20))`,
  },
  {
    what: "a full disk",
    cause: "error",
    program: 'for n in range(100): open(f"f{n}", "wb").write(bytes(8_000_000))',
  },
  { what: "all inodes", cause: "error", program: 'for n in range(100_000): open(f"f{n}", "w")' },
  {
    what: "a file beyond its limit",
    cause: "error",
    program: 'open("f", "wb").truncate(1 << 30)',
  },
  {
    what: "a sparse file of exabytes",
    cause: "error",
    program: 'import os\nos.truncate(os.open("f", os.O_CREAT | os.O_RDWR), (1 << 62))',
  },
  {
    what: "all file descriptors",
    cause: "error",
    program: "import os\nkept = [os.pipe() for _ in range(10_000)]",
  },
  {
    what: "deep folders",
    cause: "error",
    program: 'import os\nfor n in range(5000): os.mkdir("d"); os.chdir("d")',
  },
  {
    what: "endless output",
    cause: "output-too-large",
    program: 'while True: print("x" * 1000)',
  },
  {
    what: "endless errors, by a child",
    cause: "output-too-large",
    program: `import os
if os.fork() == 0:
    while True: os.write(2, b"x" * 65536)
os.wait()`,
  },
  {
    what: "an exception of ten megabytes",
    cause: "output-too-large",
    program: 'raise Exception("x" * 10_000_000)',
  },
  {
    what: "a result pipe filled to the brim, then silence",
    cause: "timeout",
    program: `import os, time
for descriptor in (1, 2): os.write(descriptor, b"x" * 65536)
time.sleep(60)`,
  },
  {
    what: "a blocked signal",
    cause: "timeout",
    program: `import signal\nsignal.pthread_sigmask(0, range(1, 64))\n${spin}`,
  },
  {
    what: "every signal ignored",
    cause: "timeout",
    program: `import signal
for number in signal.valid_signals() - {9, 19}: signal.signal(number, signal.SIG_IGN)
${spin}`,
  },
  {
    what: "an endless computation inside C",
    cause: "timeout",
    program: "n = 9 ** 99_999_999",
  },
  {
    what: "an endless regular expression",
    cause: "timeout",
    program: 'import re\nre.match("(a+)+b", "a" * 60)',
  },
  {
    what: "stopping itself",
    cause: "timeout",
    program: "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
  },
  {
    what: "threads that never end",
    cause: "timeout",
    program: `import threading
def spin():
    ${spin}
threading.Thread(target=spin).start()`,
  },
  {
    what: "a handler at exit that never ends",
    cause: "timeout",
    program: copyThen(`import atexit
@atexit.register
def stay():
    ${spin}`),
  },
  {
    what: "an error whose text never ends",
    cause: "timeout",
    program: `class Endless(Exception):
    def __str__(self):
        ${spin}
raise Endless`,
  },
  {
    what: "a thread storm",
    cause: "error",
    program:
      "import threading, time\nfor n in range(500): threading.Thread(target=time.sleep, args=(60,)).start()",
  },
  { what: "deep recursion", cause: "error", program: "def f(): f()\nf()" },
  {
    what: "recursion through the native stack",
    cause: "killed",
    program: `import sys
sys.setrecursionlimit(10 ** 9)
nested = []
for _ in range(1_000_000): nested = [nested]
repr(nested)`,
  },
  {
    what: "source nested beyond the parser",
    cause: "syntax-error",
    program: `x = ${"(".repeat(5_000)}1${")".repeat(5_000)}`,
  },
  {
    what: "more room asked back from the kernel",
    cause: "no-image",
    program: `import resource
kinds = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_CPU)
for kind in kinds:
    try: resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)); print("raised")
    except (OSError, ValueError): print("refused")`,
    stdout: "refused\n".repeat(4),
  },
];
