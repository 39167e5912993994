// Opening an LMDB environment must not coincide with a commit of another process: opening writes
// the newest transaction number that it has seen into the shared lock file, and a commit in that
// moment is undone (mdb.c, `mdb_env_open2`; a test shows it). So the writer listens on a socket in
// the ledger's folder, and who wants to open the environment asks there first.
//
// 1. A socket, not a lock file: it answers exactly as long as its process lives, and the kernel
//    tells who asks when it is gone. Nothing is left to guess after a crash.
// 2. The writer answers when no commit is under way, and starts none until the asker hangs up.
// 3. The socket gets its public name only once it answers (`gate-name.ts`): one that is found and
//    does not answer is stale.
// 4. An asker that never hangs up is cut off: it would stop the run.
// 5. A writer that stands still (Ctrl-Z) is told of once it has been silent for a moment; one whose
//    host is busy has longer to answer.
import { createServer, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { LedgerError } from "./errors.ts";
import { type Connection, connectGate, inUse, takeGate } from "./gate-name.ts";
import { isStopped } from "./owner.ts";

/** How long an asker may hold up commits, in milliseconds. */
const holdMsMax = 10_000;
/** How long an asker waits for the writer's answer, in milliseconds. */
const answerMsMax = 60_000;
/** After so long without one, again and again, it is looked whether the writer stands still. */
const lookMs = 2_000;
const askersMax = 64;
const attemptsMax = 20;

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
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const server = createServer((socket) => void answer(socket, hold, holdMs));
    server.maxConnections = askersMax;
    // The open gate alone keeps no process alive.
    server.unref();
    const close = await takeGate(folder, server);
    if (close !== null) return { close };
  }
  throw inUse(folder, null);
}

/**
 * Runs `action`, that opens the environments of the ledger in `folder`, while nobody commits.
 * @param answerMs how long the writer may be silent, in milliseconds
 * @throws {LedgerError} ledger-in-use when the writer does not answer
 */
export async function passGate<T>(
  folder: string,
  action: () => T,
  answerMs: number = answerMsMax,
): Promise<T> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const writer = await connectGate(folder);
    if (writer === null) return action();
    try {
      const said = await answerOf(writer, answerMs);
      if (said === "open") return action();
      if (said === "stopped") throw inUse(folder, writer.pid);
      // Who is silent for so long is very busy; who hung up may have ended, or have a successor.
      if (said === "silent") break;
    } finally {
      writer.socket.destroy();
    }
  }
  throw new LedgerError(
    "ledger-in-use",
    `the writer of the ledger in ${folder} does not answer: it stands still, or its host is very ` +
      "busy; try again, or end it: what it has recorded stays",
  );
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

async function answerOf(
  { socket, pid }: Connection,
  answerMs: number,
): Promise<"open" | "gone" | "stopped" | "silent"> {
  const answer = new Promise<"open" | "gone">((resolve) => {
    socket.once("data", () => resolve("open"));
    socket.once("close", () => resolve("gone"));
  });
  const limit = new AbortController();
  const silence = async (): Promise<"stopped" | "silent"> => {
    for (let leftMs = answerMs; leftMs > 0; leftMs -= lookMs) {
      await setTimeout(Math.min(leftMs, lookMs), undefined, { signal: limit.signal });
      if (pid !== null && isStopped(pid)) return "stopped";
    }
    return "silent";
  };
  const silent = silence();
  silent.catch(() => {}); // It was answered.
  try {
    return await Promise.race([answer, silent]);
  } finally {
    limit.abort();
  }
}

/** Whether a process writes the ledger in `folder`. */
export async function isWritten(folder: string): Promise<boolean> {
  const writer = await connectGate(folder);
  writer?.socket.destroy();
  return writer !== null;
}
