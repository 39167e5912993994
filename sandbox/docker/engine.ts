// The Docker engine as far as the sandbox needs it, with its silences and odd errors translated.
import { readFileSync } from "node:fs";
import type { RequestOptions } from "node:http";
import { hostname } from "node:os";
import Docker from "dockerode";
import { hashName } from "../../events/index.ts";
import { EngineUnreachableError, SandboxImageMissingError } from "../errors.ts";
import { type Owner, ownerLabels } from "./container.ts";

/** The engine is local and these calls are small; without a limit a hung engine hangs the call. */
const callMsMax = 20_000;

export interface EngineOptions {
  /** Path of the engine's socket, or "tcp://host:port". */
  readonly socket?: string;
}

export const defaultSocket = "/var/run/docker.sock";

export interface Engine {
  readonly docker: Docker;
  readonly socket: string;
  /** Where a connection of one's own goes, in the words of `node:http`. */
  readonly place: Pick<RequestOptions, "socketPath" | "host" | "port" | "protocol">;
}

export function openEngine(options: EngineOptions = {}): Engine {
  const socket = (options.socket ?? defaultSocket).replace(/^unix:\/\//, "");
  if (!/^[a-z]+:\/\//.test(socket)) {
    const place = { socketPath: socket };
    return { docker: new Docker(place), socket, place };
  }
  const url = new URL(socket);
  const protocol = url.protocol === "https:" ? "https" : "http";
  const place = { host: url.hostname, port: url.port === "" ? 2375 : Number(url.port) };
  const docker = new Docker({ ...place, protocol });
  return { docker, socket, place: { ...place, protocol: `${protocol}:` } };
}

/** Runs one engine call under a time limit; a connection that fails becomes a typed error. */
export async function engineCall<T>(
  engine: Engine,
  call: (docker: Docker) => Promise<T>,
  msMax = callMsMax,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    const error = new Error(`no answer in ${msMax} ms`);
    timer = setTimeout(() => reject(error), msMax);
  });
  try {
    return await Promise.race([call(engine.docker), silence]);
  } catch (thrown) {
    // An answer with a status is the engine's word about the request, not its absence.
    if (statusOf(thrown) !== null) throw thrown;
    throw new EngineUnreachableError(engine.socket, { cause: thrown });
  } finally {
    clearTimeout(timer);
  }
}

/** The HTTP status of an engine's refusal, or null. */
export function statusOf(thrown: unknown): number | null {
  const status: unknown = Object(thrown).statusCode;
  return typeof status === "number" ? status : null;
}

/** `sha256:` name of the image's contents and start command: equal builds have equal names. */
export async function imageDigest(
  engine: Engine,
  tag: string,
  packages: readonly string[] = [],
): Promise<string> {
  try {
    const image = await engineCall(engine, (docker) => docker.getImage(tag).inspect());
    const { Entrypoint, Cmd, Env, User } = image.Config;
    return hashName(Buffer.from(JSON.stringify([image.RootFS.Layers, Entrypoint, Cmd, Env, User])));
  } catch (error) {
    if (statusOf(error) === 404) {
      throw new SandboxImageMissingError(tag, { packages, cause: error });
    }
    throw error;
  }
}

/** This process as the owner of containers. */
export function ownerOfThisProcess(run: string): Owner {
  return {
    run,
    host: hostname(),
    processId: process.pid,
    processStart: processStart(process.pid) ?? "",
  };
}

/** Removes containers of this host whose head is gone. Returns how many. */
export async function removeLeftovers(engine: Engine): Promise<number> {
  const containers = await engineCall(engine, (docker) =>
    docker.listContainers({ all: true, filters: { label: [ownerLabels.processId] } }),
  );
  const orphaned = containers.filter(({ Labels }) => isOrphaned(Labels));
  await Promise.all(orphaned.map(({ Id }) => removeContainer(engine, Id)));
  return orphaned.length;
}

/** Kills and removes; a container that is already gone, or going, is what was wanted. */
export async function removeContainer(engine: Engine, id: string): Promise<void> {
  try {
    await engineCall(engine, (docker) => docker.getContainer(id).remove({ force: true }));
  } catch (error) {
    const status = statusOf(error);
    if (status !== 404 && status !== 409) throw error;
  }
}

function isOrphaned(labels: Readonly<Record<string, string>>): boolean {
  if (labels[ownerLabels.host] !== hostname()) return false;
  const start = processStart(Number(labels[ownerLabels.processId]));
  return start === null || start !== labels[ownerLabels.processStart];
}

/** Field 22 of /proc/PID/stat; null when there is no such process. */
function processStart(processId: number): string | null {
  try {
    const text = readFileSync(`/proc/${processId}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
