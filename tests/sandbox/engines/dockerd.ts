// A second Docker engine with a socket, data and processes of its own, that may be killed and
// started again. Wants root.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

const dockerdPath = await programAt("/usr/sbin/dockerd", "/usr/bin/dockerd");

/** Why there can be none; null where there can. */
export const whyNoDockerd: string | null =
  dockerdPath === null ? "dockerd is not installed" : whyNoRights();

export class Dockerd implements OwnEngine {
  readonly socket: string;
  readonly docker: Docker;
  readonly #folder: string;
  #child: ChildProcess | null = null;

  private constructor(folder: string) {
    this.#folder = folder;
    this.socket = join(folder, "docker.sock");
    this.docker = new Docker({ socketPath: this.socket });
  }

  /** Starts one; `settings` are those of its daemon.json. It has the host's image `image`. */
  static async open(image: string, settings: object = {}): Promise<Dockerd> {
    const folder = await mkdtemp(join(tmpdir(), "varft-dockerd-"));
    // A remapped root must be able to pass.
    await chmod(folder, 0o711);
    const engine = new Dockerd(folder);
    await writeFile(join(folder, "daemon.json"), JSON.stringify(settings));
    try {
      await engine.start();
      await handOver(new Docker(), engine.docker, image);
    } catch (error) {
      await engine.stop("SIGTERM");
      await removeFolder(folder);
      throw error;
    }
    return engine;
  }

  async start(): Promise<void> {
    const inside = (name: string) => join(this.#folder, name);
    const log = openSync(inside("log"), "a");
    this.#child = spawn(
      dockerdPath ?? "",
      [
        ...["--host", `unix://${this.socket}`, "--config-file", inside("daemon.json")],
        ...["--data-root", inside("data"), "--exec-root", inside("exec")],
        ...["--pidfile", inside("pid"), "--bridge", "none", "--iptables=false"],
      ],
      { stdio: ["ignore", log, log] },
    );
    closeSync(log);
    const answers = () =>
      this.docker.ping().then(
        () => true,
        () => false,
      );
    await eventually("the second engine answers", answers).catch(async (error) => {
      throw new Error(`${error.message}: ${await readFile(inside("log"), "utf8")}`);
    });
  }

  /** Ends the engine: in order, its containers with it, or by SIGKILL, which leaves them. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await ended;
    if (signal === "SIGKILL") await this.#forgetKeeper();
  }

  /**
   * Its keeper of containers dies with it. A new engine would take one that is not reaped yet for
   * one that lives, and wait for it in vain.
   */
  async #forgetKeeper(): Promise<void> {
    await rm(join(this.#folder, "exec/containerd/containerd.pid"), { force: true });
  }

  async close(): Promise<void> {
    // A killed engine leaves its containers: one that is started takes them along.
    if (this.#child === null) await this.start();
    await this.stop("SIGTERM");
    await removeFolder(this.#folder);
  }
}
