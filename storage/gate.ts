// Opening an LMDB environment must not coincide with a commit of another process: opening writes
// the newest transaction number that it has seen into the shared lock file, and a commit in that
// moment is undone (mdb.c, `mdb_env_open2`; a test shows it). So the writer listens on a socket in
// the ledger's folder, and who wants to open the environment asks there first.
//
// 1. A socket, not a lock file: it answers exactly as long as its process lives, and the kernel
//    tells who asks when it is gone. Nothing is left to guess after a crash.
// 2. The writer answers when no commit is under way, and starts none until the asker hangs up.
// 3. The socket gets its public name, by a hard link, only once it answers: one that is found and
//    does not answer is stale.
// 4. An asker that never hangs up is cut off: it would stop the run.
import { link, open, readdir, rename, rm, stat } from "node:fs/promises";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { LedgerError } from "./errors.ts";
import { isStopped } from "./owner.ts";

/** How long an asker may hold up commits, in milliseconds. */
const holdMsMax = 10_000;
/** How long an asker waits for the writer's answer, in milliseconds. */
const answerMsMax = 60_000;
const askersMax = 64;
const attemptsMax = 20;
const gateName = "gate.sock";
const ownNamePattern = /^gate\.(\d+)\.\d+(?:\.stale)?$/;
/** The longest path that a socket address can hold, with some room. */
const socketPathBytesMax = 100;

/** The writer's end. */
export interface Gate {
  close(): Promise<void>;
}

/**
 * Opens the gate of the ledger in `folder` as its writer.
 * @param hold stops commits; its result lets them go on
 * @param holdMs how long an asker may hold up commits, in milliseconds
 * @throws {LedgerError} ledger-in-use
 */
export async function openGate(
  folder: string,
  hold: () => Promise<() => void>,
  holdMs: number = holdMsMax,
): Promise<Gate> {
  const reach = await reachFolder(folder);
  const own = `gate.${process.pid}.${process.hrtime.bigint()}`;
  const server = createServer((socket) => void answer(socket, hold, holdMs));
  server.maxConnections = askersMax;
  try {
    await listen(server, join(reach.path, own));
    // The open gate alone keeps no process alive.
    server.unref();
    await takeName(reach.path, folder, own);
    await sweep(reach.path, folder, own);
  } catch (thrown) {
    await close(server);
    await reach.done();
    throw thrown;
  }
  return {
    async close() {
      if (await isSameFile(join(folder, own), join(folder, gateName))) {
        await rm(join(folder, gateName), { force: true });
      }
      await close(server);
      await reach.done();
    },
  };
}

/**
 * Runs `action`, that opens the environments of the ledger in `folder`, while nobody commits.
 * @throws {LedgerError} ledger-in-use when the writer does not answer
 */
export async function passGate<T>(folder: string, action: () => T): Promise<T> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const socket = await connect(folder);
    if (socket === null) return action();
    try {
      if (await isLetIn(socket)) return action();
    } finally {
      socket.destroy();
    }
  }
  throw new LedgerError("ledger-in-use", `the writer of the ledger in ${folder} does not answer`);
}

async function answer(
  socket: Socket,
  hold: () => Promise<() => void>,
  holdMs: number,
): Promise<void> {
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {}); // "close" follows
  socket.resume();
  const letGo = await hold();
  const limit = new AbortController();
  try {
    if (!socket.destroyed) socket.write(".");
    const late = setTimeout(holdMs, undefined, { signal: limit.signal, ref: false });
    await Promise.race([gone, late.catch(() => {})]);
  } finally {
    limit.abort();
    socket.destroy();
    letGo();
  }
}

async function isLetIn(socket: Socket): Promise<boolean> {
  const limit = new AbortController();
  try {
    return await Promise.race([
      new Promise<boolean>((resolve) => {
        socket.once("data", () => resolve(true));
        socket.once("close", () => resolve(false));
      }),
      setTimeout(answerMsMax, false, { signal: limit.signal, ref: false }),
    ]);
  } finally {
    limit.abort();
  }
}

/** Gives the listening socket `own` the public name, unless a living one has it. */
async function takeName(reach: string, folder: string, own: string): Promise<void> {
  const name = join(folder, gateName);
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (await succeeds(link(join(folder, own), name), "EEXIST")) return;
    const found = await inodeOf(name);
    const socket = await connectPath(join(reach, gateName));
    socket?.destroy();
    if (socket !== null) break;
    if (found !== null) await removeStale(folder, found, `${own}.stale`);
  }
  throw inUse(folder, await writerOf(folder));
}

/** The process whose socket has the public name: its own name tells. */
async function writerOf(folder: string): Promise<number | null> {
  for (const name of await readdir(folder)) {
    const pid = ownNamePattern.exec(name)?.[1];
    if (pid === undefined) continue;
    if (await isSameFile(join(folder, name), join(folder, gateName))) return Number(pid);
  }
  return null;
}

function inUse(folder: string, pid: number | null): LedgerError {
  const who = pid === null ? "another process" : `process ${pid}`;
  const mend =
    pid !== null && isStopped(pid)
      ? `it stands still; \`kill -CONT ${pid}\` lets it go on, \`kill -KILL ${pid}\` ends it, ` +
        "and what it has recorded stays"
      : "stop it, or open the ledger for reading";
  const text = `${who} writes the ledger in ${folder}`;
  return new LedgerError("ledger-in-use", `${text}: ${mend}`, { facts: { folder, pid } });
}

/** Whether a process writes the ledger in `folder`. */
export async function isWritten(folder: string): Promise<boolean> {
  const socket = await connect(folder);
  socket?.destroy();
  return socket !== null;
}

/**
 * Removes what writers that were killed have left: sockets of their own names, with nobody there.
 */
async function sweep(reach: string, folder: string, own: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!ownNamePattern.test(name) || name === own) continue;
    const socket = await connectPath(join(reach, name));
    socket?.destroy();
    if (socket === null) await rm(join(folder, name), { force: true });
  }
}

/** Removes the name if it still is the file `stale`; one that came in between gets it back. */
async function removeStale(folder: string, stale: bigint, aside: string): Promise<void> {
  const name = join(folder, gateName);
  if ((await inodeOf(name)) !== stale) return;
  if (!(await succeeds(rename(name, join(folder, aside)), "ENOENT"))) return;
  if ((await inodeOf(join(folder, aside))) !== stale) {
    await succeeds(link(join(folder, aside), name), "EEXIST");
  }
  await rm(join(folder, aside), { force: true });
}

async function connect(folder: string): Promise<Socket | null> {
  if ((await inodeOf(join(folder, gateName))) === null) return null;
  const reach = await reachFolder(folder);
  try {
    return await connectPath(join(reach.path, gateName));
  } finally {
    await reach.done();
  }
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

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => reject(unreachable(path, error)));
    server.listen({ path }, resolve);
  });
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
  if (Buffer.byteLength(folder) + 48 <= socketPathBytesMax) {
    return { path: folder, done: async () => {} };
  }
  const handle = await open(folder, "r");
  return { path: `/proc/self/fd/${handle.fd}`, done: () => handle.close() };
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const inode = await inodeOf(a);
  return inode !== null && inode === (await inodeOf(b));
}

async function inodeOf(path: string): Promise<bigint | null> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return null;
    throw thrown;
  }
}

async function succeeds(action: Promise<void>, refusal: string): Promise<boolean> {
  try {
    await action;
    return true;
  } catch (thrown) {
    if (hasCode(thrown, refusal)) return false;
    throw thrown;
  }
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === code;
}
