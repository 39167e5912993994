"""What a program may not do to its runner: a system-call filter on top of Docker's, by prctl.

The runner and its children share one user (no capability is left to change it), so the kernel's
permission checks alone would let a program kill, trace or throttle the runner. The filter refuses
every call that reaches another process, and the kinds of state that outlive a process.
"""

import ctypes
import os
import struct

PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
REFUSE = 0x00050000 | 1  # EPERM

LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, ARGUMENT_OFFSET = 0, 4, 16
X32_BIT = 0x40000000

# Numbers by machine: x86_64, aarch64.
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
# Refused with any argument: signals and memory of others, namespaces, IPC that outlives a process,
# kernel surfaces that no image program needs.
REFUSED = {
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "process_madvise": (440, 440),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "setpriority": (141, 140), "ioprio_set": (251, 30), "migrate_pages": (256, 238),
    "move_pages": (279, 239), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186),
    "mq_open": (240, 180), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
    "bpf": (321, 280), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41),
}
# Allowed for the caller itself only: the first argument is 0.
SELF_ONLY = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}
# The first argument names a process or thread: positive, and neither init nor the runner.
SIGNALS = {"kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131)}
# The second argument would make the kernel signal an owner, or type into a terminal.
REFUSED_COMMANDS = {
    "fcntl": ((72, 25), (8, 10, 15)),  # F_SETOWN, F_SETSIG, F_SETOWN_EX
    "ioctl": ((16, 29), (0x8901, 0x8902, 0x5412)),  # FIOSETOWN, SIOCSPGRP, TIOCSTI
}


def instruction(code, value, if_true=0, if_false=0):
    return struct.pack("HBBI", code, if_true, if_false, value & 0xFFFFFFFF)


def refuse_call(number):
    return [instruction(JUMP_EQUAL, number, 0, 1), instruction(RETURN, REFUSE)]


def refuse_argument(number, index, body):
    """Runs `body` (which ends in a return) on one argument's low half when the call is `number`."""
    block = [instruction(LOAD, ARGUMENT_OFFSET + 8 * index), *body]
    return [instruction(JUMP_EQUAL, number, 0, len(block)), *block]


def filter_program(runner_pid):
    """The filter that protects the runner of that process id."""
    column, architecture = MACHINES[os.uname().machine]
    program = [
        instruction(LOAD, ARCHITECTURE_OFFSET),
        instruction(JUMP_EQUAL, architecture, 1, 0),
        instruction(RETURN, KILL_PROCESS),
        instruction(LOAD, NUMBER_OFFSET),
        instruction(JUMP_GREATER_EQUAL, X32_BIT, 0, 1),
        instruction(RETURN, REFUSE),
    ]
    allow, refuse = instruction(RETURN, ALLOW), instruction(RETURN, REFUSE)
    for numbers in REFUSED.values():
        program += refuse_call(numbers[column])
    for numbers in SELF_ONLY.values():
        program += refuse_argument(numbers[column], 0, [instruction(JUMP_EQUAL, 0, 0, 1), allow, refuse])
    for numbers in SIGNALS.values():
        tests = [instruction(JUMP_GREATER_EQUAL, 0x80000000, 2, 0)]
        tests += [instruction(JUMP_EQUAL, 1, 1, 0), instruction(JUMP_EQUAL, runner_pid, 0, 1)]
        program += refuse_argument(numbers[column], 0, [*tests, refuse, allow])
    for numbers, commands in REFUSED_COMMANDS.values():
        tests = []
        for command in commands:
            tests += [instruction(JUMP_EQUAL, command, 0, 1), refuse]
        program += refuse_argument(numbers[column], 1, [*tests, allow])
    return b"".join([*program, allow])


libc = ctypes.CDLL(None, use_errno=True)


def prctl(option, *arguments):
    if libc.prctl(option, *(ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4])) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def become_subreaper():
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def hide_from_children():
    """Neither memory nor descriptors of this process can be opened through /proc from now on."""
    prctl(PR_SET_DUMPABLE, 0)


def show_to_itself():
    """In a child: what `hide_from_children` closed would close its own /proc/self to it too."""
    prctl(PR_SET_DUMPABLE, 1)


def install(program):
    """Binds this process, and all that it will start, to a program made by `filter_program`."""
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HP", len(program) // 8, ctypes.addressof(code)))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(header))
