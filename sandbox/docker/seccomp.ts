// The system calls of a sandbox container, by allow-list: what the engine's init process, CPython,
// NumPy and cv2 need, and what an ordinary program may expect of files, threads, pipes and its own
// children. All else fails with EPERM. `image/seal.py` narrows it once more around each program.
//
// Left out of the engine's own default, because no program on images needs it: System V IPC and
// message queues, io_uring, inotify and fanotify, splice, other users and groups, keyrings,
// extended attributes that are written, namespaces, tracing, `sync` (it flushes the whole host's
// disks), and sockets that are not local ones.
//
// The document is the engine's (https://docs.docker.com/engine/security/seccomp/). A name that the
// machine's kernel has no call for is passed over, so that one list serves x86-64 and arm64.

const files =
  "access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat " +
  "faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync " +
  "fgetxattr flistxattr flock fstat fstatfs fsync ftruncate getcwd getdents getdents64 getxattr " +
  "ioctl lchown lgetxattr link linkat listxattr llistxattr lseek lstat mkdir mkdirat mknod " +
  "mknodat newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev " +
  "pwritev2 read readahead readlink readlinkat readv rename renameat renameat2 rmdir sendfile " +
  "stat statfs statx symlink symlinkat sync_file_range truncate umask unlink unlinkat utime " +
  "utimensat utimes write writev futimesat";

const memory =
  "brk madvise membarrier memfd_create mincore mlock mlock2 mmap mprotect mremap msync munlock " +
  "munmap pkey_alloc pkey_free pkey_mprotect";

const processes =
  "arch_prctl execve execveat exit exit_group fork futex get_robust_list getcpu getegid geteuid " +
  "getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit " +
  "getrusage getsid gettid getuid kill pidfd_open prlimit64 restart_syscall rseq " +
  "sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam " +
  "sched_getscheduler sched_rr_get_interval sched_setaffinity sched_yield set_robust_list " +
  "set_tid_address setpgid setpriority setrlimit setsid sysinfo tgkill times tkill uname vfork " +
  "wait4 waitid capget";

const signals =
  "alarm pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend " +
  "rt_sigtimedwait sigaltstack signalfd signalfd4";

const timeAndWaiting =
  "clock_getres clock_gettime clock_nanosleep epoll_create epoll_create1 epoll_ctl epoll_pwait " +
  "epoll_pwait2 epoll_wait eventfd eventfd2 getitimer getrandom gettimeofday nanosleep poll " +
  "ppoll pselect6 select setitimer time timer_create timer_delete timer_getoverrun timer_gettime " +
  "timer_settime timerfd_create timerfd_gettime timerfd_settime";

/** On sockets that exist; which kinds may be made stands below. */
const sockets =
  "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg " +
  "recvmsg sendmmsg sendmsg sendto setsockopt shutdown";

const allowed = "SCMP_ACT_ALLOW";
const refused = "SCMP_ACT_ERRNO";

const localSocket = 1;
/** What a program without network is told anyway: "Network is unreachable". */
const networkUnreachable = 101;
const notImplemented = 38;
/** CLONE_NEW*: any new namespace. */
const namespaceFlags = 0x7e020000;

/**
 * PR_SET_*: PDEATHSIG, DUMPABLE and NAME, SECCOMP, CHILD_SUBREAPER, NO_NEW_PRIVS, VMA; their GETs.
 */
const controls = [1, 2, 3, 4, 15, 16, 21, 22, 36, 37, 38, 39, 0x53564d41];

interface Argument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo: number;
  readonly op: string;
}

const first = (op: string, value: number, valueTwo = 0): readonly Argument[] => [
  { index: 0, value, valueTwo, op },
];

/** The profile, as the engine takes it in `SecurityOpt`. */
export const seccompProfile = JSON.stringify({
  defaultAction: refused,
  syscalls: [
    {
      names: [files, memory, processes, signals, timeAndWaiting, sockets].flatMap((names) =>
        names.split(" "),
      ),
      action: allowed,
    },
    { names: ["socketpair"], action: allowed, args: first("SCMP_CMP_EQ", localSocket) },
    { names: ["socket"], action: allowed, args: first("SCMP_CMP_EQ", localSocket) },
    {
      names: ["socket"],
      action: refused,
      errnoRet: networkUnreachable,
      args: first("SCMP_CMP_NE", localSocket),
    },
    {
      names: ["clone"],
      action: allowed,
      args: first("SCMP_CMP_MASKED_EQ", namespaceFlags),
    },
    // Its flags stand in memory that a filter cannot read: libc then takes `clone`.
    { names: ["clone3"], action: refused, errnoRet: notImplemented },
    ...controls.map((control) => ({
      names: ["prctl"],
      action: allowed,
      args: first("SCMP_CMP_EQ", control),
    })),
  ],
});
