// An engine that a test has for itself: the host's own must not be stopped, since others use it.
import { spawnSync } from "node:child_process";
import { access, constants, readFile, rm } from "node:fs/promises";
import type Docker from "dockerode";

export interface OwnEngine {
  /** Path of its socket. */
  readonly socket: string;
  readonly docker: Docker;
  /** Ends it, and removes all that it had. */
  close(): Promise<void>;
}

/** The first of these programs that is there, or null. */
export async function programAt(...paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return null;
}

/** Why an engine cannot be started by this process; null where it can. */
export function whyNoRights(): string | null {
  return process.getuid?.() === 0 ? null : "an engine of one's own wants root";
}

/** Hands an image of the host's engine to another one. */
export async function handOver(from: Docker, to: Docker, image: string): Promise<void> {
  const archive = await from.getImage(image).get();
  const answer = await to.loadImage(archive);
  for await (const _ of answer as AsyncIterable<unknown>);
}

/** Waits until `look` is true. */
export async function eventually(
  what: string,
  look: () => Promise<boolean>,
  msMax = 30_000,
): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`waited ${msMax} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Removes an engine's folder, and what is still mounted in it: its helpers end after itself. */
export async function removeFolder(folder: string): Promise<void> {
  await eventually(`${folder} can be removed`, async () => {
    const listed = await readFile("/proc/self/mounts", "utf8");
    const points = listed.split("\n").map((line) => line.split(" ")[1] ?? "");
    for (const point of points.filter((one) => one.startsWith(`${folder}/`)).reverse()) {
      spawnSync("umount", ["--lazy", point]);
    }
    return rm(folder, { recursive: true, force: true }).then(
      () => true,
      () => false,
    );
  });
}
