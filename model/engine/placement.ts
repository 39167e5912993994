// Looks where the nodes of a policy's sessions ran: they are opened with a profile, run once over
// something small, and their profiles are read.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Device } from "../../events/index.ts";
import { misplacedNodes, PlacementError } from "./node-places.ts";

/** A session that writes a profile until it is told to stop. */
export interface Profiled {
  endProfiling(): void;
}

/** The sessions of one device. */
export class PlacementWatch {
  readonly #device: Device;
  readonly #folder: string;
  readonly #sessions: Profiled[] = [];

  private constructor(device: Device, folder: string) {
    this.#device = device;
    this.#folder = folder;
  }

  static async open(device: Device): Promise<PlacementWatch> {
    return new PlacementWatch(device, await mkdtemp(join(tmpdir(), "varft-profile-")));
  }

  /** The profile's file name prefix of a session that is to be watched. */
  prefix(name: string): string {
    return join(this.#folder, name);
  }

  add(session: Profiled): void {
    this.#sessions.push(session);
  }

  /**
   * Ends the profiles and reads them.
   * @throws {PlacementError}
   */
  async check(): Promise<void> {
    for (const session of this.#sessions) session.endProfiling();
    const files = (await readdir(this.#folder)).sort();
    for (const file of files) {
      const profile: unknown = JSON.parse(await readFile(join(this.#folder, file), "utf8"));
      const nodes = misplacedNodes(profile, this.#device);
      if (nodes.length > 0) throw new PlacementError(this.#device, nodes);
    }
  }

  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}
