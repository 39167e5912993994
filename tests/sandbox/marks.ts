// A program that plants a mark wherever it can, and one that looks for it everywhere.

/** Ways to leave something behind; each a piece of Python that knows `mark`. */
export const planters: Readonly<Record<string, string>> = {
  "a file in the work folder": 'open("planted", "w").write(mark)',
  "a file beside the work folder": 'open("/tmp/planted", "w").write(mark)',
  "a hidden folder of the home": `os.makedirs(os.path.expanduser("~/.local/lib"), exist_ok=True)
open(os.path.expanduser("~/.local/lib/planted.pth"), "w").write(mark)`,
  "a name of a file": 'open("/tmp/" + mark, "w").close()',
  "names of many files": `for number in range(500): open(f"/tmp/{mark}-{number}", "w").close()`,
  "a process that goes on": `if os.fork() == 0:
    os.setsid()
    time.sleep(60)
    os._exit(0)`,
  "a process without a parent": `if os.fork() == 0:
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(15, mark.encode())
        time.sleep(60)
    os._exit(0)`,
  "the environment": 'os.environ["PLANTED"] = mark',
  "a module's name": "numpy.planted = cv2.planted = os.planted = mark",
  "a built-in": "builtins.planted = mark",
  "a module of its own": 'sys.modules["planted"] = types.ModuleType(mark)',
  memory: "blocks = [(mark * 100).encode() for _ in range(2_000)]",
  "shared memory": `fd = os.memfd_create(mark)
os.write(fd, mark.encode())
if os.fork() == 0: time.sleep(60)`,
  "a local socket": `s = socket.socket(socket.AF_UNIX)
s.bind(chr(0) + mark)
if os.fork() == 0: time.sleep(60)`,
  "standard output": "print(mark * 500)",
  "standard error": "print(mark * 500, file=sys.stderr)",
  "the output image": `with open("path_to_output_image.jpg", "ab") as file:
    file.write(mark.encode() * 5_000)`,
  "a handler at exit": "atexit.register(lambda: open('/tmp/late', 'w').write(mark))",
};

const imports =
  "import atexit, builtins, ctypes, os, shutil, socket, sys, time, types, cv2, numpy\n" +
  'shutil.copy("path_to_input_image.jpg", "path_to_output_image.jpg")\n';

/** A program that plants `mark` in each of these ways. The comment is in its text, too. */
export function plant(mark: string, ways: readonly string[]): string {
  const steps = ways.map((way) => `try:\n${indented(planters[way] ?? "")}\nexcept OSError: pass`);
  return `${imports}# ${mark}\nmark = ${JSON.stringify(mark)}\n${steps.join("\n")}\n`;
}

const indented = (text: string) => text.replace(/^/gm, "    ");

/**
 * A program that prints where it finds `mark`. It never holds the mark itself, only numbers that
 * are one more than its bytes, so that what it finds in its own memory was there before.
 */
export function look(mark: string): string {
  const shifted = [...Buffer.from(mark)].map((byte) => byte + 1);
  return `${imports}shifted = ${JSON.stringify(shifted)}
def holds(data):
    block = numpy.frombuffer(data, numpy.uint8)
    at = numpy.arange(max(0, len(block) - len(shifted) + 1))
    for offset, byte in enumerate(shifted):
        at = at[block[at + offset] == byte - 1]
        if len(at) == 0: return False
    return len(shifted) > 0
def told(where, data):
    if holds(data if isinstance(data, bytes) else str(data).encode()): print("found in", where)
def read(path):
    try:
        with open(path, "rb") as file: return file.read(1 << 20)
    except OSError: return b""
for top in ("/tmp", "/dev", "/opt", "/run", "/var"):
    for folder, folders, files in os.walk(top):
        for name in (*folders, *files):
            told("a name in " + folder, os.fsencode(name))
            path = os.path.join(folder, name)
            if os.path.isfile(path): told(path, read(path))
for pid in (name for name in os.listdir("/proc") if name.isdigit()):
    for name in ("comm", "cmdline", "environ"): told("/proc/PID/" + name, read(f"/proc/{pid}/{name}"))
told("sockets", read("/proc/net/unix"))
told("the environment", dict(os.environ))
told("built-ins", sorted(vars(builtins)))
for name, module in list(sys.modules.items()):
    if hasattr(module, "planted") or name == "planted": print("found in module", name)
if hasattr(builtins, "planted"): print("found in builtins")
processes = sum(name.isdigit() for name in os.listdir("/proc"))
if processes != 2: print("found", processes, "processes, not the runner and this one")
memory = open("/proc/self/mem", "rb", 0)
for line in open("/proc/self/maps").read().split("\\n")[:-1]:
    fields = line.split()
    if not fields[1].startswith("rw") or len(fields) > 5 and fields[5][0] == "/":
        continue
    first, last = (int(word, 16) for word in fields[0].split("-"))
    try:
        memory.seek(first)
        data = memory.read(last - first)
    except (OSError, ValueError): continue
    if holds(data): print("found in memory", fields[5] if len(fields) > 5 else "")
print("looked")
`;
}
