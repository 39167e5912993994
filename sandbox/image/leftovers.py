"""What an execution may leave behind, and how its end is proven: files, IPC, processes.

Whatever cannot be proven gone raises `Unclean`, and the container is replaced.
"""

import os
import shutil
import signal
import sys


class Unclean(Exception):
    """Something of an execution may have outlived it: the container must be replaced."""


def apart(work):
    """Does `work` in a process of its own: names that a program chose stay out of the runner's heap."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(f"runner: {type(error).__name__} while cleaning", file=sys.stderr, flush=True)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1] != 0:
        raise Unclean("files of the execution cannot be removed")


def remove_all(base):
    os.chmod(base, 0o700)
    with os.scandir(base) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.path)
            else:
                os.unlink(entry.path)


def remove_tree(path):
    def force(function, failed, _):
        os.chmod(os.path.dirname(failed), 0o700)
        os.chmod(failed, 0o700, follow_symlinks=True)
        if function in (os.open, os.scandir, os.listdir, os.lstat):
            remove_tree(failed)
        else:
            function(failed)

    try:
        shutil.rmtree(path, onerror=force)
    except (OSError, RecursionError) as error:
        raise Unclean(f"{path} cannot be removed: {error}") from error


def assert_no_ipc():
    for kind in ("shm", "sem", "msg"):
        path = f"/proc/sysvipc/{kind}"
        if os.path.exists(path):
            with open(path, encoding="ascii") as file:
                if len(file.readlines()) > 1:
                    raise Unclean(f"{path} is not empty")
    for folder in ("/dev/shm", "/dev/mqueue"):
        if os.path.isdir(folder) and os.listdir(folder):
            raise Unclean(f"{folder} is not empty")


def kill_descendants():
    pending, seen = [os.getpid()], set()
    while pending:
        pid = pending.pop()
        try:
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                children = [int(word) for word in file.read().split()]
        except OSError:
            continue
        for child in children:
            if child not in seen:
                seen.add(child)
                pending.append(child)
    for pid in seen:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


OOM_FILES = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def count_oom_kills():
    for path in OOM_FILES:
        try:
            with open(path, encoding="ascii") as file:
                for line in file:
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        except OSError:
            continue
    return 0
