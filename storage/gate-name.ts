// Who has the gate of a ledger. A writer listens on a socket in a folder of its own, and the folder
// gets the public name: `gate/PID.TIME` is the socket of the writer.
//
// 1. A folder takes the place of none or of an empty one, in one step, and of no other (rename(2)):
//    of many that want the name at once one gets it, and never in the place of one that has it.
// 2. No socket's name is used again, and one that nobody listens on stays so. So whoever has seen
//    one dead may remove it, however late: it is that one, and never its successor.
// 3. A socket answers before its folder gets the public name. One that was taken for dead in the
//    moment before it answered is gone, so that the folder is looked at once it has the name.
import { access, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { createConnection, type Server, type Socket } from "node:net";
import { basename, dirname, join } from "node:path";
import { ensureError } from "../events/index.ts";
import { LedgerError } from "./errors.ts";
import { isStopped } from "./owner.ts";

const attemptsMax = 20;
const gateFolder = "gate";
/** The socket of a writer of varft 0.2.0, which may write still. */
const earlierName = "gate.sock";
/** What does not have the public name: folders of those that want it, sockets of varft 0.2.0. */
const ownNamePattern = /^gate\.\d+\.\d+(?:\.stale)?$/;
/** The longest path that a socket address can hold, with some room. */
const socketPathBytesMax = 100;
/** Room for a socket's path within the ledger's folder. */
const namesBytesMax = 64;

/**
 * Listens with `server` and gives it the gate of the ledger in `folder`. Resolves to what gives the
 * gate back, or to null where its socket was taken for dead before it answered: try again.
 * @throws {LedgerError} ledger-in-use
 */
export async function takeGate(
  folder: string,
  server: Server,
): Promise<(() => Promise<void>) | null> {
  const name = `${process.pid}.${process.hrtime.bigint()}`;
  const reach = await reachFolder(folder);
  let place = `gate.${name}`;
  const end = async (): Promise<void> => {
    await rm(join(folder, place, name), { force: true });
    await close(server);
    await refusalOf(rmdir(join(folder, place)));
    await reach.done();
  };
  try {
    await mkdir(join(folder, place));
    const isNamed =
      (await listensIn(folder, place, server, join(reach.path, place, name))) &&
      (await takesName(folder, reach.path, place));
    if (isNamed) place = gateFolder;
    if (isNamed && (await exists(join(folder, place, name)))) {
      await sweep(folder, reach.path);
      return end;
    }
  } catch (thrown) {
    await end();
    throw thrown;
  }
  await end();
  return null;
}

/** A connection to the writer of a ledger. */
export interface Connection {
  readonly socket: Socket;
  /** Its process; null where the socket's name does not tell. */
  readonly pid: number | null;
}

/** A connection to the writer of the ledger in `folder`; null where there is none. */
export async function connectGate(folder: string): Promise<Connection | null> {
  if (!(await exists(folder))) return null;
  const reach = await reachFolder(folder);
  try {
    let before = "";
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const doors = await doorsOf(folder);
      // The same names a second time: no writer came in between.
      if (doors.join() === before) return null;
      before = doors.join();
      for (const door of doors) {
        const socket = await connectPath(join(reach.path, door));
        if (socket !== null) return { socket, pid: pidOf(door) };
      }
    }
    return null;
  } finally {
    await reach.done();
  }
}

export function inUse(folder: string, pid: number | null): LedgerError {
  const who = pid === null ? "another process" : `process ${pid}`;
  const mend =
    pid !== null && isStopped(pid)
      ? `it stands still; \`kill -CONT ${pid}\` lets it go on, \`kill -KILL ${pid}\` ends it, ` +
        "and what it has recorded stays"
      : writerMend(folder, pid);
  const text = `${who} writes the ledger in ${folder}`;
  return new LedgerError("ledger-in-use", `${text}: ${mend}`, { facts: { folder, pid } });
}

/** What a person can do who finds that another process writes the ledger in `folder`. */
export function writerMend(folder: string, pid: number | null): string {
  const end = pid === null ? "end it" : `end it with \`kill ${pid}\``;
  const run = basename(dirname(folder));
  return (
    `wait until it has ended, or ${end}: what it has recorded stays; ` +
    `\`varft show ${run}\` reads it meanwhile`
  );
}

/** Where a writer listens, if there is one. */
async function doorsOf(folder: string): Promise<readonly string[]> {
  const names = await namesIn(join(folder, gateFolder));
  const doors = names.map((name) => join(gateFolder, name));
  return (await exists(join(folder, earlierName))) ? [...doors, earlierName] : doors;
}

/** The process that a socket's name tells. */
function pidOf(door: string): number | null {
  const pid = Number.parseInt(basename(door), 10);
  return Number.isNaN(pid) ? null : pid;
}

/** Gives the folder `own` the public name, unless a living writer has it. False: it is gone. */
async function takesName(folder: string, reach: string, own: string): Promise<boolean> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    for (const door of await doorsOf(folder)) {
      if (await isRemoved(folder, reach, door)) continue;
      throw inUse(folder, pidOf(door));
    }
    const refusal = await refusalOf(rename(join(folder, own), join(folder, gateFolder)));
    if (refusal === null) return true;
    if (refusal === "ENOENT") return false;
  }
  throw inUse(folder, null);
}

/** Removes what those that were killed have left: sockets with nobody there, and their folders. */
async function sweep(folder: string, reach: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!ownNamePattern.test(entry.name)) continue;
    const names = entry.isDirectory() ? await namesIn(join(folder, entry.name)) : [""];
    for (const name of names) await isRemoved(folder, reach, join(entry.name, name));
    if (entry.isDirectory()) await refusalOf(rmdir(join(folder, entry.name)));
  }
}

/** Removes a socket that nobody listens on; false where somebody does. */
async function isRemoved(folder: string, reach: string, path: string): Promise<boolean> {
  const socket = await connectPath(join(reach, path));
  socket?.destroy();
  if (socket === null) await rm(join(folder, path), { force: true });
  return socket === null;
}

/** What a connection meets where nobody listens, or somebody is just leaving. */
const nobodyCodes = new Set(["ENOENT", "ECONNREFUSED", "ECONNRESET"]);

/** A connection, or null where nobody listens. */
function connectPath(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      socket.on("error", () => {}); // "close" follows
      resolve(socket);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (nobodyCodes.has(error.code ?? "")) resolve(null);
      else reject(unreachable(path, error));
    });
  });
}

/** False where the folder `own` is gone. */
async function listensIn(
  folder: string,
  own: string,
  server: Server,
  path: string,
): Promise<boolean> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path }, resolve);
    });
    return true;
  } catch (thrown) {
    if (await exists(join(folder, own))) throw unreachable(path, ensureError(thrown));
    return false;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function unreachable(path: string, cause: Error): LedgerError {
  return new LedgerError(
    "ledger-failed",
    `the ledger's socket ${path} cannot be used (${cause.message}): ` +
      "run directories must lie on a local file system that this user may write",
    { cause },
  );
}

/** A short path to `folder`: socket addresses are short, run directories need not be. */
async function reachFolder(folder: string): Promise<{ path: string; done: () => Promise<void> }> {
  if (Buffer.byteLength(folder) + namesBytesMax <= socketPathBytesMax) {
    return { path: folder, done: async () => {} };
  }
  const handle = await open(folder, "r");
  return { path: `/proc/self/fd/${handle.fd}`, done: () => handle.close() };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (thrown) {
    if (codeOf(thrown) === "ENOENT") return [];
    throw thrown;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await refusalOf(access(path))) === null;
}

/** What somebody else has made or removed meanwhile. */
const refusals = new Set(["ENOENT", "ENOTEMPTY", "EEXIST"]);

/** Null, or the code with which the file system refused it because others came first. */
async function refusalOf(action: Promise<void>): Promise<string | null> {
  try {
    await action;
    return null;
  } catch (thrown) {
    const code = codeOf(thrown);
    if (refusals.has(code)) return code;
    throw thrown;
  }
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? `${thrown.code}` : "";
}
