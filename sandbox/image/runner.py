"""The warm runner: keeps Python, NumPy and cv2 imported and forks a child for each execution.

Speaks frames with the pool over its standard input and output: a big-endian u32 with the length of
a JSON header, the header, then the byte strings whose lengths the header names.

    -> {"nonce", "program": n, "image": n, "limits": {...}}  program, image
    -> {"ping": 1}                                           <- {"pong": 1}, between executions
    <- {"hello": 1, ...}                                     once, when the first child waits
    <- {"nonce", "cause", "stdout": n, "stderr": n, "image": n or -1, ...}  stdout, stderr, image
    <- {"ready": 1}                                          everything of that execution is gone

Invariants:
1. A child never holds a descriptor of the frame stream, and is forked before the request is read,
   so that it knows neither the nonce nor any earlier program, image or result. These are held in
   mappings that are given back before the next fork: a freed object would stay readable in the
   heap that the next child inherits.
2. A result is sent after every process of the execution is dead, `ready` after every file is gone.
   Where that cannot be proven the runner exits, and the pool replaces the container.
3. One execution at a time; the child's clock, memory, output and files are bounded from outside it.
"""

import argparse
import gc
import json
import mmap
import os
import re
import select
import signal
import stat
import struct
import sys
import time

import cv2
import numpy

import child
import seal
from child import Child, Stopped, read_exactly, write_all
from leftovers import Unclean, apart, assert_no_ipc, count_oom_kills, kill_descendants, remove_all

INPUT_NAME = "path_to_input_image.jpg"
OUTPUT_NAME = "path_to_output_image.jpg"
HEADER_BYTES_MAX = 64 * 1024
# What a program may print before it is stopped; what is kept of it is the request's textBytesMax.
STREAM_BYTES_MAX = 1024 * 1024
READ_BYTES_MAX = 65536


class Mapping:
    """Bytes outside of the heap. Closed, they are gone from this process and from every later fork."""

    def __init__(self, length):
        self.mapping = mmap.mmap(-1, max(length, 1))
        self.view = memoryview(self.mapping)[:length]

    def read(self, descriptor):
        """Fills it from a descriptor; the same bytes, not a copy, are in `view`."""
        left = self.view
        while left:
            count = os.readv(descriptor, [left])
            if count == 0:
                raise Stopped
            left = left[count:]
        return self

    def close(self):
        self.view.release()
        self.mapping.close()


class Capture:
    """Keeps the head of a stream, counts the rest."""

    def __init__(self, descriptor, kept_max, scratch):
        self.descriptor, self.scratch = descriptor, scratch
        self.kept, self.kept_max = Mapping(kept_max), kept_max
        self.total = 0

    def drain(self):
        """Reads what is there; True at the end of the stream."""
        while self.total <= STREAM_BYTES_MAX:
            target = self.kept if self.total < self.kept_max else self.scratch
            at = self.total if self.total < self.kept_max else 0
            try:
                with target.view[at : at + READ_BYTES_MAX] as window:
                    count = os.readv(self.descriptor, [window])
            except BlockingIOError:
                return False
            if count == 0:
                return True
            self.total += count
        return True

    @property
    def text(self):
        return self.kept.view[: min(self.total, self.kept_max)]


class Deaths:
    """A descriptor that is readable when children have died: by signals, since gVisor has no pidfd."""

    def __init__(self):
        self.descriptor, told = os.pipe()
        for end in (self.descriptor, told):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def forget(self):
        try:
            while os.read(self.descriptor, READ_BYTES_MAX):
                pass
        except BlockingIOError:
            pass


class Runner:
    def __init__(self, source, target, base, contained):
        self.source, self.target = source, target
        self.base, self.work = base, os.path.join(base, "work")
        self.base_size = os.stat(base).st_size
        self.contained = contained
        self.oom_kills = count_oom_kills()
        self.sealed = seal.filter_program(os.getpid()) if contained else b""
        self.child = None
        self.deaths = Deaths()
        # What an execution brought; gone before the next child is forked.
        self.held = []

    def send(self, header, *bodies):
        encoded = json.dumps(header).encode()
        write_all(self.target, struct.pack(">I", len(encoded)) + encoded, *bodies)

    def serve(self):
        self.child = Child(self.work, self.contained, self.sealed)
        versions = {"python": sys.version.split()[0], "cv2": cv2.__version__, "numpy": numpy.__version__}
        self.send({"hello": 1, **versions})
        while True:
            length = struct.unpack(">I", read_exactly(self.source, 4))[0]
            if length > HEADER_BYTES_MAX:
                raise Unclean("header too long")
            header = json.loads(read_exactly(self.source, length))
            if "ping" in header:
                self.send({"pong": 1})
                continue
            self.execute(header)
            self.clean()
            self.child = Child(self.work, self.contained, self.sealed)
            self.send({"ready": 1})

    def execute(self, header):
        limits = header["limits"]
        program = self.hold(Mapping(header["program"]).read(self.source))
        image = self.hold(Mapping(header["image"]).read(self.source))
        scratch = self.hold(Mapping(READ_BYTES_MAX))
        descriptor = self.in_folder(INPUT_NAME, os.O_WRONLY | os.O_CREAT)
        write_all(descriptor, image.view)
        os.close(descriptor)
        started = time.monotonic()
        self.child.send(program.view, limits)
        streams = (self.child.stdout, self.child.stderr)
        captures = [Capture(stream, limits["textBytesMax"], scratch) for stream in streams]
        for capture in captures:
            self.hold(capture.kept)
        cause = self.watch(captures, started + limits["wallMsMax"] / 1000)
        if cause is not None:
            # All at once: among those that go on forking, the one would be long in dying.
            self.signal_everything()
        _, status, usage = os.wait4(self.child.pid, 0)
        wall_ms = (time.monotonic() - started) * 1000
        self.kill_everything()
        for capture in captures:
            capture.drain()
        if any(capture.total > STREAM_BYTES_MAX for capture in captures):
            cause = cause or "output-too-large"
        output = None
        if cause is None:
            cause = self.cause_of(status)
        if cause in ("timeout", "killed") and count_oom_kills() > self.oom_kills:
            cause = "out-of-memory"
        if cause is None:
            cause, output = self.read_output(limits["imageBytesMax"])
        out, err = captures
        self.send(
            {
                "nonce": header["nonce"],
                "cause": cause,
                "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                "exitCode": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
                "stdout": len(out.text),
                "stderr": len(err.text),
                "stdoutBytes": out.total,
                "stderrBytes": err.total,
                "image": -1 if output is None else len(output.view),
                "wallMs": round(wall_ms, 3),
                "cpuMs": round((usage.ru_utime + usage.ru_stime) * 1000, 3),
                "memoryPeakBytes": usage.ru_maxrss * 1024,
            },
            out.text,
            err.text,
            b"" if output is None else output.view,
        )

    def hold(self, mapping):
        self.held.append(mapping)
        return mapping

    def in_folder(self, name, flags):
        return os.open(name, flags, 0o600, dir_fd=self.child.folder)

    def watch(self, captures, deadline):
        """Waits for the child's end; returns why it must be stopped before, or None."""
        poll = select.poll()
        open_streams = {capture.descriptor: capture for capture in captures}
        for descriptor in (*open_streams, self.deaths.descriptor):
            poll.register(descriptor, select.POLLIN)
        while not self.child.has_ended():
            left_ms = (deadline - time.monotonic()) * 1000
            if left_ms <= 0:
                return "timeout"
            for descriptor, _ in poll.poll(left_ms + 1):
                if descriptor == self.deaths.descriptor:
                    self.deaths.forget()
                    continue
                capture = open_streams[descriptor]
                if capture.drain():
                    poll.unregister(descriptor)
                if capture.total > STREAM_BYTES_MAX:
                    return "output-too-large"
        return None

    def cause_of(self, status):
        if os.WIFSIGNALED(status):
            return "timeout" if os.WTERMSIG(status) == signal.SIGXCPU else "killed"
        code = os.WEXITSTATUS(status)
        if code == 0:
            return None
        return {child.EXIT_SYNTAX: "syntax-error", child.EXIT_MEMORY: "out-of-memory"}.get(code, "error")

    def read_output(self, bytes_max):
        """Opens no link and waits for no pipe: only a plain file is an image."""
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = self.in_folder(OUTPUT_NAME, flags)
        except FileNotFoundError:
            return "no-image", None
        except OSError:
            return "bad-image", None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                return "bad-image", None
            if status.st_size > bytes_max:
                return "output-too-large", None
            return "ok", self.hold(Mapping(status.st_size).read(descriptor))
        except Stopped:
            return "bad-image", None
        finally:
            os.close(descriptor)

    def signal_everything(self):
        if not self.contained:
            kill_descendants()
            return
        # One system call for all processes of this container but us. A fork under way takes the
        # signal first, and fails: a fork bomb cannot outrun it.
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def kill_everything(self):
        """Every orphan of the program becomes ours (subreaper), so no child means nobody is left."""
        while True:
            self.signal_everything()
            try:
                os.waitpid(-1, 0)
            except ChildProcessError:
                return

    def clean(self):
        self.child.close()
        while self.held:
            self.held.pop().close()
        self.oom_kills = count_oom_kills()
        if self.contained:
            if not self.removed_the_usual():
                apart(lambda: remove_all(self.base))
            assert_no_ipc()
        else:
            remove_all(self.base)

    def removed_the_usual(self):
        """Removes what most programs leave; False where there is more. Reads no name from the disk."""
        try:
            for name in (INPUT_NAME, OUTPUT_NAME):
                try:
                    os.unlink(os.path.join(self.work, name))
                except FileNotFoundError:
                    pass
            os.rmdir(self.work)
        except OSError:
            return False
        # The size of a folder on a tmpfs counts its entries.
        return os.stat(self.base).st_size == self.base_size


# The environment that a program sees, the same under every engine, whatever that adds of its own.
ENVIRONMENT = re.compile(r"PATH|HOME|TMPDIR|HOSTNAME|LANG|LC_CTYPE|(PYTHON|OMP_|OPENBLAS_|OPENCV_)\w+")


def forget_environment():
    for name in list(os.environ):
        if not ENVIRONMENT.fullmatch(name):
            del os.environ[name]


def prepare(contained):
    if contained:
        forget_environment()
    cv2.setNumThreads(0)
    cv2.ocl.setUseOpenCL(False)
    child.refuse_windows()
    child.warm_up()
    seal.become_subreaper()
    if contained:
        if len(os.listdir("/proc/self/task")) != 1:
            raise Unclean("the runner has threads: a fork would not be safe")
        # As process 1 its end is the end of all others, and no init process stands beside it that a
        # program could offer to the kernel when memory is short.
        if os.getuid() == 0 or os.getpid() != 1:
            raise Unclean("--container wants to be process 1 of a user without rights")
        seal.hide_from_children()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGIO):
        signal.signal(number, signal.SIG_IGN)
    gc.collect()
    gc.freeze()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--container", action="store_true", help="inside the sandbox image")
    parser.add_argument("--local", metavar="FOLDER", help="no isolation: for tests of trusted programs")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        prepare(False)
        print(f"python {sys.version.split()[0]}, cv2 {cv2.__version__}, numpy {numpy.__version__}")
        return 0
    prepare(arguments.container)
    # From here on nothing but frames may reach the pool.
    source, target = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    try:
        Runner(source, target, arguments.local or "/tmp", arguments.container).serve()
    except Stopped:
        return 0
    except Unclean as error:
        print(f"runner: {error}", file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
