// What a sandbox container may do and have. Everything not needed to turn one image into another
// is off; `runner.py` adds a system-call filter of its own around each program.
import type { ContainerCreateOptions } from "dockerode";
import { seccompProfile } from "./seccomp.ts";

const mebibyte = 1024 * 1024;

/** Bounds of a container, over all processes of an execution and the runner together. */
export interface ContainerLimits {
  readonly memoryBytesMax: number;
  readonly cpus: number;
  /** Processes and threads. */
  readonly processesMax: number;
  /** The tmpfs that holds the work directory; it counts as memory. */
  readonly workBytesMax: number;
  readonly workFilesMax: number;
}

export const defaultContainerLimits: ContainerLimits = {
  memoryBytesMax: 640 * mebibyte,
  cpus: 1,
  processesMax: 64,
  workBytesMax: 64 * mebibyte,
  workFilesMax: 2_048,
};

const openFilesMax = 256;
/** The only place where a program can write. */
export const workFolder = "/tmp";
/** The user of the image; see its Dockerfile. */
const userId = 10_001;
/**
 * gVisor's processes are threads of its own kernel, several for each, and that kernel ends when it
 * may have no more. With so many more than processes, memory is what runs out first.
 */
const threadsPerGVisorProcess = 16;

/**
 * Who a container belongs to, so that the leftovers of a killed head can be told from live ones.
 */
export interface Owner {
  readonly run: string;
  readonly host: string;
  readonly processId: number;
  /** Start time of that process in clock ticks since boot: process ids are used again. */
  readonly processStart: string;
}

export const ownerLabels = {
  run: "varft.run",
  host: "varft.host",
  processId: "varft.owner",
  processStart: "varft.owner-start",
} as const;

/** Which system calls a container may make: by our own list, or by the engine's default. */
export const seccompProfiles = ["own", "engine"] as const;
export type SeccompChoice = (typeof seccompProfiles)[number];

export interface ContainerSettings {
  readonly image: string;
  readonly owner: Owner;
  readonly limits: ContainerLimits;
  /** Another runtime of the engine, such as "runsc". */
  readonly runtime?: string | undefined;
  /** `own` by default. */
  readonly seccomp?: SeccompChoice | undefined;
}

export function containerOptions({
  image,
  owner,
  limits,
  runtime,
  seccomp = "own",
}: ContainerSettings): ContainerCreateOptions {
  const workOptions =
    `rw,noexec,nosuid,nodev,size=${limits.workBytesMax},nr_inodes=${limits.workFilesMax},` +
    `mode=0700,uid=${userId},gid=${userId}`;
  return {
    Image: image,
    User: `${userId}:${userId}`,
    OpenStdin: true,
    // The runner reads the end of its input, and ends, when the head that attached is gone.
    StdinOnce: true,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    // As process 1 the runner hears no SIGTERM: an engine that restarts would wait for it.
    StopSignal: "SIGKILL",
    Hostname: "sandbox",
    NetworkDisabled: true,
    Labels: {
      [ownerLabels.run]: owner.run,
      [ownerLabels.host]: owner.host,
      [ownerLabels.processId]: String(owner.processId),
      [ownerLabels.processStart]: owner.processStart,
    },
    HostConfig: {
      NetworkMode: "none",
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      SecurityOpt: [
        "no-new-privileges:true",
        ...(seccomp === "own" ? [`seccomp=${seccompProfile}`] : []),
      ],
      Privileged: false,
      // The runner is process 1: nothing stands beside it that a program could end in its place.
      Init: false,
      // How it ended is asked for before it is removed.
      AutoRemove: false,
      // Frames are not logs: a log driver would copy every image to the host's disk.
      LogConfig: { Type: "none", Config: {} },
      // No shared memory and no queues to leave anything in.
      IpcMode: "none",
      Memory: limits.memoryBytesMax,
      MemorySwap: limits.memoryBytesMax,
      NanoCpus: Math.round(limits.cpus * 1e9),
      PidsLimit: limits.processesMax * (runtime?.startsWith("runsc") ? threadsPerGVisorProcess : 1),
      Ulimits: [
        { Name: "nofile", Soft: openFilesMax, Hard: openFilesMax },
        { Name: "core", Soft: 0, Hard: 0 },
      ],
      Tmpfs: { [workFolder]: workOptions },
      ...(runtime === undefined ? {} : { Runtime: runtime }),
    },
  };
}
