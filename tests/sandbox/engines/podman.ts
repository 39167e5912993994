// Podman's Docker-compatible socket, with storage and a service of its own. Wants root.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import {
  eventually,
  handOver,
  type OwnEngine,
  programAt,
  removeFolder,
  whyNoRights,
} from "./types.ts";

const podmanPath = await programAt("/usr/bin/podman");
/** Where cgroups are of the first version beside the second, Podman's other runtime gives up. */
const runcPath = await programAt("/usr/sbin/runc", "/usr/bin/runc");

/** Why there can be none; null where there can. */
export const whyNoPodman: string | null =
  podmanPath === null ? "podman is not installed" : whyNoRights();

export class Podman implements OwnEngine {
  readonly socket: string;
  readonly docker: Docker;
  readonly #folder: string;
  readonly #child: ChildProcess;

  private constructor(folder: string) {
    this.#folder = folder;
    this.socket = join(folder, "podman.sock");
    this.docker = new Docker({ socketPath: this.socket });
    const places = ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
    const runtime = runcPath === null ? [] : ["--runtime", runcPath];
    const service = ["system", "service", "--time=0", `unix://${this.socket}`];
    const words = [...places, ...runtime, ...service];
    // What it keeps of a container that ran out of memory it leaves where it was started.
    this.#child = spawn(podmanPath ?? "", words, { stdio: "ignore", cwd: folder });
  }

  /** Starts one that has the host's image `image`. */
  static async open(image: string): Promise<Podman> {
    const engine = new Podman(await mkdtemp(join(tmpdir(), "varft-podman-")));
    const answers = () =>
      engine.docker.ping().then(
        () => true,
        () => false,
      );
    try {
      await eventually("podman's service answers", answers);
      await handOver(new Docker(), engine.docker, image);
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGTERM");
    await ended;
    await removeFolder(this.#folder);
  }
}
