"""One execution's process: a fork of the warm runner that waits for its program, and runs it.

Everything that does not depend on the program is done while the child waits (streams, limits, the
filter), so that the time from request to result is the program's own.
"""

import atexit
import io
import json
import linecache
import os
import random
import resource
import signal
import struct
import sys
import threading
import traceback
import types

import cv2
import numpy

import seal

PROGRAM_NAME = "program.py"
OPEN_FILES_MAX = 64
NICE = 19
# Exit codes for what an exit alone does not tell. A program that uses them mislabels only itself.
EXIT_SYNTAX = 181
EXIT_MEMORY = 182
EXIT_UNPREPARED = 183
CV2_NO_MEMORY = -4
# Where the request arrives; the program finds it closed.
REQUEST = 3


# No display and no video here; `assemble.py` leaves their libraries out, whose stubs end the process.
WINDOWS = (
    "createTrackbar destroyAllWindows destroyWindow displayOverlay getTrackbarPos getWindowProperty "
    "imshow moveWindow namedWindow pollKey resizeWindow selectROI selectROIs setMouseCallback "
    "setTrackbarPos setWindowProperty setWindowTitle startWindowThread VideoCapture VideoWriter "
    "VideoWriter_fourcc waitKey waitKeyEx"
).split()


class Stopped(Exception):
    """The other side closed the stream: the orderly end of who reads it."""


class Child:
    """What the runner holds of a waiting child: its pipes, its folder, its process."""

    def __init__(self, work, contained, sealed):
        os.mkdir(work, 0o700)
        request_read, self.request = os.pipe()
        self.stdout, out_write = os.pipe()
        self.stderr, err_write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            code = EXIT_UNPREPARED
            try:
                enter((request_read, out_write, err_write), work)
                prepare(contained, sealed)
                code = serve_one()
            finally:
                flush(sys.stdout)
                flush(sys.stderr)
                os._exit(code)
        for descriptor in (request_read, out_write, err_write):
            os.close(descriptor)
        for descriptor in (self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        # The program may rename its folder and put a link in its place; the descriptor stays.
        self.folder = os.open(work, os.O_DIRECTORY | os.O_NOFOLLOW)

    def send(self, program, limits):
        header = json.dumps({"program": len(program), "limits": limits}).encode()
        try:
            write_all(self.request, struct.pack(">I", len(header)) + header, program)
        except BrokenPipeError:
            pass  # It died while it waited; its exit status says how.
        os.close(self.request)

    def has_ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def close(self):
        for descriptor in (self.stdout, self.stderr, self.folder):
            os.close(descriptor)


def write_all(descriptor, *parts):
    """Copies nothing: the heap of the runner must not hold what an execution brought."""
    views = [memoryview(part) for part in parts if len(part) > 0]
    while views:
        written = os.writev(descriptor, views)
        while views and written >= len(views[0]):
            written -= len(views.pop(0))
        if views:
            views[0] = views[0][written:]


def read_exactly(descriptor, length):
    parts = []
    while length > 0:
        part = os.read(descriptor, min(length, 1 << 20))
        if not part:
            raise Stopped
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def warm_up():
    """In the runner: resolves and allocates once what every program would in its own fork."""
    image = numpy.zeros((8, 8, 3), numpy.uint8)
    _, encoded = cv2.imencode(".jpg", cv2.rotate(image, cv2.ROTATE_180))
    cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    exec(compile("import cv2\nimport numpy as np\n", PROGRAM_NAME, "exec"), {})


def refuse_windows():
    """A window or a video is the program's error, with a line number, instead of a crash."""

    def refusal(name):
        def refuse(*_, **__):
            raise cv2.error(f"{name} is not part of this sandbox: no display, no video")

        return refuse

    for name in WINDOWS:
        setattr(cv2, name, refusal(name))


def enter(descriptors, work):
    """Leaves everything of the runner behind: descriptors, signal handlers, session, folder."""
    request, out, err = descriptors
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (out, 1), (err, 2), (request, REQUEST)):
        os.dup2(source, target)
    os.closerange(REQUEST + 1, 1024)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGHUP, signal.SIGIO, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Ordinary block-buffered streams, as of a program whose output is a pipe.
    sys.stdin = io.TextIOWrapper(io.FileIO(0, "r"), "utf-8")
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w")), "utf-8", "replace")
    error_stream = io.BufferedWriter(io.FileIO(2, "w"))
    sys.stderr = io.TextIOWrapper(error_stream, "utf-8", "backslashreplace", line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    sys.argv = [PROGRAM_NAME]
    own_folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if path != own_folder]
    os.chdir(work)


def prepare(contained, sealed):
    # What is random stays equal between executions unless the program wants otherwise.
    random.seed(0)
    numpy.random.seed(0)
    cv2.setRNGSeed(0)
    set_limit(resource.RLIMIT_NOFILE, OPEN_FILES_MAX)
    set_limit(resource.RLIMIT_CORE, 0)
    if not contained:
        return
    seal.show_to_itself()
    # The kernel shall take the program, never the runner, when the container's memory is full.
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")
    os.nice(NICE)
    seal.install(sealed)


def set_limit(kind, value):
    resource.setrlimit(kind, (value, value))


def serve_one():
    try:
        length = struct.unpack(">I", read_exactly(REQUEST, 4))[0]
        header = json.loads(read_exactly(REQUEST, length))
        program = read_exactly(REQUEST, header["program"])
    except Stopped:
        return 0
    os.close(REQUEST)
    limits = header["limits"]
    with open("/proc/self/statm", encoding="ascii") as file:
        now_bytes = int(file.read().split()[0]) * resource.getpagesize()
    set_limit(resource.RLIMIT_AS, now_bytes + limits["memoryBytesMax"])
    set_limit(resource.RLIMIT_FSIZE, limits["fileBytesMax"])
    set_limit(resource.RLIMIT_CPU, limits["wallMsMax"] // 1000 + 1)
    return run_program(program)


def run_program(program):
    """Runs the program as `__main__` in one namespace; returns the exit code."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    module.__dict__["__builtins__"] = __builtins__
    try:
        text = program.decode("utf-8")
        linecache.cache[PROGRAM_NAME] = (len(text), None, text.splitlines(True), PROGRAM_NAME)
        code = compile(text, PROGRAM_NAME, "exec")
    except (SyntaxError, ValueError) as error:
        print("".join(traceback.format_exception_only(error)), end="", file=sys.stderr)
        return EXIT_SYNTAX
    except (MemoryError, RecursionError) as error:
        print(f"SyntaxError: too deeply nested ({type(error).__name__})", file=sys.stderr)
        return EXIT_SYNTAX
    try:
        exec(code, module.__dict__)
        threading._shutdown()
        atexit._run_exitfuncs()
        return 0
    except SystemExit as exit_request:
        if exit_request.code is None or isinstance(exit_request.code, int):
            return (exit_request.code or 0) & 0xFF
        print(exit_request.code, file=sys.stderr)
        return 1
    except BaseException as error:
        return report(error)


def report(error):
    """Prints the traceback as Python does, from the program's first frame on."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != PROGRAM_NAME:
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)
    no_memory = isinstance(error, cv2.error) and getattr(error, "code", 0) == CV2_NO_MEMORY
    return EXIT_MEMORY if no_memory or isinstance(error, MemoryError) else 1


def flush(stream):
    """A program may have closed or replaced the stream, or filled the disk behind it."""
    try:
        stream.flush()
    except BaseException:
        pass
