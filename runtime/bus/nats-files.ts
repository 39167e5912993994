// What a run directory keeps of its private bus: where it is (`bus.json`), how its server is set up
// (`nats.conf`), and which process serves it (`nats.pid`, written by the server).
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { TerminalError } from "../../events/index.ts";

const payloadBytesMax = 1024 * 1024;
const busFileName = "bus.json";
const configFileName = "nats.conf";
const pidFileName = "nats.pid";

/** How to reach a bus. */
export interface BusPlace {
  readonly url: string;
  readonly token: string;
}

interface BusState {
  readonly port: number;
  readonly token: string;
}

/**
 * What a worker of the same host needs to reach the bus of a run directory; null if there is none.
 */
export async function readBusFile(directory: string): Promise<BusPlace | null> {
  const known = await readState(directory);
  return known === null ? null : { url: urlOf(known.port), token: known.token };
}

/** The port and token that the directory's bus has had before, or new ones; both files say so. */
export async function keepState(directory: string): Promise<BusState> {
  const state = (await readState(directory)) ?? {
    port: await freePort(),
    token: randomBytes(32).toString("hex"),
  };
  await writePrivately(busFileOf(directory), JSON.stringify(state));
  await writePrivately(configFileOf(directory), configOf(directory, state));
  return state;
}

function configOf(directory: string, { port, token }: BusState): string {
  return [
    'host: "127.0.0.1"',
    `port: ${port}`,
    `max_payload: ${payloadBytesMax}`,
    `pid_file: ${JSON.stringify(resolve(directory, pidFileName))}`,
    `authorization { token: "${token}" }`,
    "",
  ].join("\n");
}

export function busFileOf(directory: string): string {
  return join(directory, busFileName);
}

export function configFileOf(directory: string): string {
  return resolve(directory, configFileName);
}

/** The process of the server that was started last in the run directory; null if none was. */
export function serverOf(directory: string): number | null {
  return Number(readText(join(directory, pidFileName))) || null;
}

/** Whether `pid` is a server of the run directory, and no other program that got its number. */
export function isServer(directory: string, pid: number | null): pid is number {
  const words = readText(`/proc/${pid}/cmdline`).split("\0");
  return pid !== null && words.includes(configFileOf(directory));
}

/** Kills the server `pid` of the run directory, and nothing else that has its number meanwhile. */
export function endServer(directory: string, pid: number | null): void {
  if (!isServer(directory, pid)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Empty where there is no such file. */
function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

export function urlOf(port: number): string {
  return `nats://127.0.0.1:${port}`;
}

async function readState(directory: string): Promise<BusState | null> {
  const file = busFileOf(directory);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch {
    return null;
  }
  const state = JSON.parse(text) as { readonly port?: unknown; readonly token?: unknown };
  const { port, token } = state;
  if (typeof port === "number" && typeof token === "string" && /^[0-9a-f]{64}$/.test(token)) {
    return { port, token };
  }
  throw new TerminalError("bus-file", `${file} is damaged; delete it while no worker runs`);
}

async function writePrivately(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, file);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = address !== null && typeof address === "object" ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
