// Programs that reach for what is not theirs: the runner, its neighbours, the kernel, the host.
import { copyThen } from "../programs.ts";
import { type Abuse, allRefused, attempts, refusals, systemCalls } from "./types.ts";

const signalTo = (target: string, number: string) =>
  attempts("os, signal", `os.kill(${target}, ${number})`);

export const escapes: readonly Abuse[] = [
  {
    what: "killing the runner",
    cause: "no-image",
    program: signalTo("os.getppid()", "signal.SIGKILL"),
    stdout: refusals(1),
  },
  {
    what: "stopping the runner",
    cause: "no-image",
    program: signalTo("os.getppid()", "signal.SIGSTOP"),
    stdout: refusals(1),
  },
  {
    what: "killing everybody",
    cause: "no-image",
    program: signalTo("-1", "signal.SIGKILL"),
    stdout: refusals(1),
  },
  {
    what: "killing init, and the runner's group",
    cause: "no-image",
    program: attempts("os", "os.kill(1, 9)", "os.killpg(os.getpgid(os.getppid()), 9)"),
    stdout: refusals(2),
  },
  {
    what: "signals to a thread of the runner, by its process and by descriptor",
    cause: "no-image",
    program: attempts(
      "os, signal",
      "signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL)",
      "os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)",
      "os.sched_setaffinity(os.getppid(), {0})",
    ),
    stdout: refusals(3),
  },
  {
    what: "being signalled as somebody else's owner",
    cause: "no-image",
    program: attempts(
      "fcntl, os",
      "fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, os.getppid())",
      "fcntl.fcntl(os.pipe()[0], 10, 9)",
    ),
    stdout: refusals(2),
  },
  {
    what: "reading the runner's memory",
    cause: "no-image",
    program: attempts(
      "os",
      ...["mem", "environ", "maps", "fd/1", "cwd/x", "root/etc/passwd"].map(
        (name) => `open(f"/proc/{os.getppid()}/${name}", "rb").read(1)`,
      ),
    ),
    stdout: refusals(6),
  },
  {
    what: "tracing the runner",
    cause: "no-image",
    program: systemCalls([
      [101, 117, "16, os.getppid(), 0, 0"],
      [310, 270, "os.getppid(), buffer, 1, buffer, 1, 0"],
      [311, 271, "os.getppid(), buffer, 1, buffer, 1, 0"],
      [438, 438, "os.pidfd_open(os.getppid()), 0, 0"],
      [312, 272, "os.getpid(), os.getppid(), 0, 0, 0"],
      [302, 261, "os.getppid(), 7, buffer, 0"],
    ]),
    stdout: allRefused(6),
  },
  {
    what: "counting the neighbours",
    cause: "no-image",
    program: 'import os\nprint(sum(name.isdigit() for name in os.listdir("/proc")))',
    stdout: "2\n",
  },
  {
    what: "secrets of the environment",
    cause: "no-image",
    program: `import os
known = {"PATH", "HOSTNAME", "LANG", "HOME", "TMPDIR", "LC_CTYPE"}
starts = ("PYTHON", "OMP_", "OPENBLAS_", "OPENCV_")
print([name for name in os.environ if name not in known and not name.startswith(starts)])
for path in ("/run/secrets", "/var/run/secrets", "/var/run/docker.sock"):
    try: print(os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(9))
    except OSError: pass`,
    stdout: "[]\n",
  },
  {
    what: "a daemon that would write later",
    cause: "ok",
    program: copyThen(`import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.2); open("/tmp/late", "w").write("x"); time.sleep(60)
    os._exit(0)`),
  },
  { what: "a native crash", cause: "killed", program: "import ctypes; ctypes.string_at(1)" },
  {
    what: "a native crash in cv2",
    cause: "killed",
    program: `import cv2, ctypes, numpy
image = numpy.zeros((2000, 2000, 3), numpy.uint8)
first = (image.ctypes.data + 4095) & ~4095
ctypes.CDLL(None).munmap(ctypes.c_void_p(first), ctypes.c_size_t(8_000_000))
cv2.rotate(image, cv2.ROTATE_180)`,
  },
  { what: "abort", cause: "killed", program: "import os; os.abort()" },
  { what: "killing itself", cause: "killed", program: "import os; os.kill(os.getpid(), 9)" },
  { what: "os._exit", cause: "ok", program: copyThen("import os; os._exit(0)") },
  { what: "os._exit with a code", cause: "error", program: copyThen("import os; os._exit(7)") },
  {
    what: "the network",
    cause: "no-image",
    program: attempts(
      "socket",
      'socket.create_connection(("1.1.1.1", 53), 1)',
      'socket.getaddrinfo("example.org", 80)',
      'socket.create_connection(("127.0.0.1", 80), 1)',
      'socket.create_connection(("169.254.169.254", 80), 1)',
    ),
    stdout: refusals(4),
  },
  {
    what: "sockets of every family",
    cause: "no-image",
    program: `import socket
opened = set()
for family in range(64):
    for kind in (1, 2, 3, 5):
        try: socket.socket(family, kind); opened.add(family)
        except OSError: pass
print(opened)`,
    stdout: "{1}\n",
  },
  {
    what: "namespaces, mounts and roots",
    cause: "no-image",
    program: systemCalls([
      [272, 97, "0x10000000"],
      [308, 268, "os.open('/proc/self/ns/net', 0), 0"],
      [165, 40, 'b"a", b"/tmp", b"tmpfs", 0, None'],
      [166, 39, 'b"/tmp", 2'],
      [155, 41, 'b"/tmp", b"/tmp"'],
      [161, 51, 'b"/tmp"'],
      [56, 220, "0x10000000 | 17, 0, 0, 0, 0"],
      [435, 435, "buffer, 88"],
      [428, 428, '-100, b"/tmp", 0'],
      [430, 430, 'b"tmpfs", 0'],
    ]),
    stdout: allRefused(10),
  },
  {
    what: "keyrings",
    cause: "no-image",
    program: systemCalls([
      [250, 219, "0, -3, 1"],
      [248, 217, 'b"user", b"mark", b"x", 1, -4'],
      [249, 218, 'b"user", b"mark", None, -4'],
    ]),
    stdout: allRefused(3),
  },
  {
    what: "rings of the kernel's, its programs and its counters",
    cause: "no-image",
    program: systemCalls([
      [425, 425, "8, buffer"],
      [426, 426, "0, 1, 1, 0, None, 0"],
      [427, 427, "0, 0, buffer, 0"],
      [321, 280, "0, buffer, 64"],
      [298, 241, "buffer, 0, -1, -1, 0"],
      [323, 282, "0"],
      [300, 262, "0, 0"],
    ]),
    stdout: allRefused(7),
  },
  {
    what: "modules of the kernel, its log, its power",
    cause: "no-image",
    program: systemCalls([
      [175, 105, 'buffer, 1, b""'],
      [313, 273, 'os.open("/etc/passwd", 0), b"", 0'],
      [103, 116, "10, 0, 0"],
      [169, 142, "0xfee1dead, 672274793, 0x1234567, 0"],
      [246, 104, "0, 0, 0, 0"],
      [163, 89, 'b"/tmp/account"'],
      [167, 224, 'b"/tmp/swap", 0'],
      [135, 92, "0x0040000"],
    ]),
    stdout: allRefused(8),
  },
  {
    what: "shared memory, semaphores and queues",
    cause: "no-image",
    program: systemCalls([
      [29, 194, "1234, 4096, 0o1666"],
      [64, 190, "1234, 1, 0o1666"],
      [68, 186, "1234, 0o1666"],
      [240, 180, 'b"queue", 0o102, 0o666, None'],
    ]),
    stdout: allRefused(4),
  },
  {
    what: "the clock of the host",
    cause: "no-image",
    program: systemCalls([
      [227, 112, "0, buffer"],
      [164, 170, "buffer, None"],
      [159, 171, "ctypes.byref(ctypes.create_string_buffer(bytes([1]) + bytes(400)))"],
    ]),
    stdout: allRefused(3),
  },
  {
    what: "time that stands still for the watchdog",
    cause: "timeout",
    program: `import time
time.time = time.monotonic = time.perf_counter = lambda: 0
while True: time.sleep(0.01)`,
  },
  {
    what: "device nodes, made and present",
    cause: "no-image",
    program: attempts(
      "os, stat",
      'os.mknod("disk", 0o666 | stat.S_IFBLK, os.makedev(8, 0))',
      'os.mknod("memory", 0o666 | stat.S_IFCHR, os.makedev(1, 1))',
      'open("/dev/mem", "rb")',
      'open("/dev/kmsg", "rb")',
      'open("/dev/sda", "rb")',
      'open("/dev/kvm", "rb")',
      'open("/dev/fuse", "rb")',
    ),
    stdout: refusals(7),
  },
  {
    what: "another user, more rights",
    cause: "no-image",
    program: attempts(
      "os",
      "os.setuid(0)",
      "os.setgid(0)",
      "os.setgroups([0])",
      "os.setresuid(0, 0, 0)",
      'os.chown(".", 0, 0)',
    ),
    stdout: refusals(5),
  },
  {
    what: "switches of the kernel",
    cause: "no-image",
    program: attempts(
      "os",
      'open("/proc/sys/kernel/core_pattern", "wb", 0).write(b"|/tmp/x")',
      'open("/proc/sysrq-trigger", "wb", 0).write(b"b")',
      'open("/sys/kernel/uevent_helper", "wb", 0).write(b"/tmp/x")',
      'open("/sys/fs/cgroup/cgroup.procs", "wb", 0).write(b"0")',
      'open("/sys/fs/cgroup/memory/memory.limit_in_bytes", "wb", 0).write(b"-1")',
      'open("/proc/self/oom_score_adj", "wb", 0).write(b"-1000")',
      'open("/proc/1/oom_score_adj", "wb", 0).write(b"1000")',
    ),
    stdout: refusals(7),
  },
  {
    what: "a real-time schedule",
    cause: "no-image",
    program: attempts(
      "os",
      "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))",
      "os.nice(-20)",
      "os.setpriority(os.PRIO_USER, 0, 19)",
    ),
    stdout: refusals(3),
  },
  {
    what: "a write outside the work folder",
    cause: "no-image",
    program: attempts(
      "os",
      'open("/etc/x", "w")',
      'open("/opt/varft/runner.py", "w")',
      'open("/usr/lib/python3/dist-packages/cv2.py", "w")',
      'open("/usr/lib/python3.11/site.pyc", "ab")',
      'os.rename("/etc/passwd", "/etc/x")',
      'open("/dev/shm/x", "w")',
      'open("/x", "w")',
    ),
    stdout: refusals(7),
  },
  {
    what: "a program of its own, started",
    cause: "no-image",
    program: attempts(
      "os, shutil",
      'shutil.copy("/usr/bin/python3", "own"), os.chmod("own", 0o755), os.execv("./own", ["own"])',
    ),
    stdout: refusals(1),
  },
];
