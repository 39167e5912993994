// What Podman's Docker-compatible socket takes differently. Everything else of a container is as
// the Docker engine has it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerCreateOptions } from "dockerode";
import { SandboxSettingError } from "../errors.ts";
import { type ContainerLimits, workFolder } from "./container.ts";
import { type Engine, engineCall } from "./engine.ts";
import { seccompProfile } from "./seccomp.ts";

/**
 * Processes and threads of the sandbox's user on the whole host, well above what its containers may
 * have together. Without a number Podman asks for 2^20, which a host that may raise no limit
 * refuses.
 */
const processesOfUserMax = 16_384;

export async function isPodman(engine: Engine): Promise<boolean> {
  const version = await engineCall(engine, (docker) => docker.version());
  return (version.Components ?? []).some(({ Name }) => Name === "Podman Engine");
}

/** Our list of system calls as a file: Podman takes a path where Docker takes the text. */
export interface ProfileFile {
  readonly path: string;
  remove(): Promise<void>;
}

/** Writes the list where a Podman of this host can read it. */
export async function writeProfile({ place, socket }: Engine): Promise<ProfileFile> {
  if (place.socketPath === undefined) {
    throw new SandboxSettingError(
      `the Podman behind ${socket} reads no file of this host, and it takes lists of system calls ` +
        'as files only: set sandbox.seccomp = "engine"',
    );
  }
  const folder = await mkdtemp(join(tmpdir(), "varft-seccomp-"));
  const path = join(folder, "seccomp.json");
  await writeFile(path, seccompProfile);
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** The container of `containerOptions` for Podman; `profile` is null for the engine's own list. */
export function forPodman(
  options: ContainerCreateOptions,
  { workBytesMax }: ContainerLimits,
  profile: ProfileFile | null,
): ContainerCreateOptions {
  const { HostConfig: host } = options;
  return {
    ...options,
    HostConfig: {
      ...host,
      SecurityOpt: [
        "no-new-privileges:true",
        ...(profile === null ? [] : [`seccomp=${profile.path}`]),
      ],
      Ulimits: [
        ...(host?.Ulimits ?? []),
        { Name: "nproc", Soft: processesOfUserMax, Hard: processesOfUserMax },
      ],
      // Neither an owner nor a number of files can be said; there is one user inside, and files
      // count as memory.
      Tmpfs: { [workFolder]: `rw,noexec,nosuid,nodev,size=${workBytesMax},mode=1777` },
    },
  };
}
