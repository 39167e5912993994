// Reads a suspicious LMDB file whole in a process of its own, which it may kill: the process that
// would open it lives, and can say what is the matter.
//
// 1. The child only reads, and tells that it goes on; one that tells nothing for a while is ended.
// 2. A child that ends without having read everything has found damage.
import { spawn } from "node:child_process";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LedgerError } from "./errors.ts";
import { dataFile } from "./lmdb-env.ts";

const child = fileURLToPath(new URL("./probe.mjs", import.meta.url));
/** Without a word of the child, its start included, in milliseconds. */
const silenceMsMax = 120_000;
/** What is kept of its words. */
const wordsCharsMax = 2_000;

/** An environment that is to be read. */
export interface Suspect {
  /** Its folder. */
  readonly path: string;
  readonly tables: readonly string[];
}

/**
 * Reads all rows of a suspicious environment.
 * @param gate the folder whose gate is asked before it is opened
 * @throws {LedgerError} ledger-corrupt where it cannot be read
 */
export async function probe(
  directory: string,
  gate: string,
  { path, tables }: Suspect,
): Promise<void> {
  const fault = await faultOf([gate, path, ...tables]);
  if (fault === null) return;
  const file = join(path, dataFile);
  throw new LedgerError(
    "ledger-corrupt",
    `${file} is damaged: it is shorter than it says, and ${fault}. ` +
      `\`varft audit ${basename(directory)}\` names what is damaged; ` +
      "a copy (varft backup) or a bundle brings the run back",
    { facts: { file } },
  );
}

/** Why the child could not read everything; null where it could. */
function faultOf(words: readonly string[]): Promise<string | null> {
  const reader = spawn(process.execPath, [child, ...words], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  let told = "";
  const silence = setTimeout(() => reader.kill("SIGKILL"), silenceMsMax);
  reader.stdout.setEncoding("utf8").on("data", (text: string) => {
    told = (told + text).slice(-wordsCharsMax);
    silence.refresh();
  });
  return new Promise((resolve, reject) => {
    reader.once("error", reject);
    reader.once("close", (code, signal) => {
      clearTimeout(silence);
      const reason = told.slice(told.indexOf("\n") + 1).trim();
      if (code === 0) resolve(null);
      else if (signal !== null) resolve(`its reader died of ${signal}`);
      else resolve(reason === "" ? `its reader ended with code ${code}` : reason);
    });
  });
}
