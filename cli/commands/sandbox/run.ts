// `varft sandbox run FILE --image I -o O`: a program, exactly as a trajectory would have it run.
import { readFile, writeFile } from "node:fs/promises";
import { ensureError } from "../../../events/index.ts";
import {
  type ExecutionResult,
  type IsolationLevel,
  isolationLevels,
  openDockerSandbox,
  programWords,
  sandboxImageTag,
} from "../../../sandbox/index.ts";
import type { Command, Words } from "../../command.ts";
import { engineSocket } from "../../environment.ts";
import { UsageError } from "../../errors.ts";
import { exitCodes } from "../../exit.ts";
import { type Terminal, withoutSteering } from "../../terminal.ts";
import { short } from "../../text/index.ts";

/** Who the containers of this command belong to, on their labels. */
const owner = "varft sandbox run";
const secondsMax = 600;

export const runProgram: Command = {
  name: "run",
  about: "Run a Python program on an image, as the agent's programs are run",
  args: {
    file: { type: "positional", description: "The program" },
    image: { type: "string", valueHint: "FILE", description: "Its input, PNG or JPEG (required)" },
    out: { type: "string", alias: "o", valueHint: "FILE", description: "Its output, as PNG" },
    level: {
      type: "string",
      valueHint: "LEVEL",
      description: "fork, or container: what is new for the program (default: fork)",
    },
    seconds: { type: "string", valueHint: "N", description: "Time it may take (default: 5)" },
    package: {
      type: "string",
      valueHint: "NAME",
      description: "A Debian package that the image was built with; may be repeated",
    },
  },
  examples: ["varft sandbox run rotate.py --image photo.jpg -o rotated.png"],
  async run(words, { terminal, json, signal, env }) {
    const program = (await read(words.required("file"))).toString("utf8");
    const image = await read(words.required("image"));
    const [level, limits, packages] = [levelOf(words), limitsOf(words), words.list("package")];
    const sandbox = await openDockerSandbox({
      image: await sandboxImageTag(packages),
      packages,
      run: owner,
      size: 1,
      level,
      ...engineSocket(env),
    });
    try {
      const result = await sandbox.execute({ program, image, limits }, signal);
      const out = words.text("out") ?? null;
      const written = result.image !== null && out !== null ? out : null;
      if (result.image !== null && out !== null) await writeFile(out, result.image);
      if (json) terminal.out(`${JSON.stringify(plain(result, written, sandbox.digest))}\n`);
      else tell(result, written, terminal);
      return result.cause === "ok" ? exitCodes.done : exitCodes.failed;
    } finally {
      await sandbox.close();
    }
  },
};

function levelOf(words: Words): IsolationLevel {
  const given = words.text("level") ?? "fork";
  const level = isolationLevels.find((one) => one === given);
  if (level !== undefined) return level;
  throw new UsageError(`--level must be ${isolationLevels.join(" or ")}, not ${given}`);
}

function limitsOf(words: Words): { readonly wallMsMax?: number } {
  const given = words.text("seconds");
  if (given === undefined) return {};
  const wallMsMax = Math.round(Number(given) * 1_000);
  if (wallMsMax >= 1 && wallMsMax <= secondsMax * 1_000) return { wallMsMax };
  throw new UsageError(`--seconds must be a number from 0.001 to ${secondsMax}, not ${given}`);
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new UsageError(`cannot read ${path}: ${ensureError(cause).message}`, { cause });
  }
}

/** The shape that scripts rely on. */
function plain(
  { cause, stdout, stderr, observed }: ExecutionResult,
  image: string | null,
  digest: string,
): object {
  const { exitCode, wallMs, cpuMs, memoryPeakBytes, level } = observed;
  const words = programWords({ cause, stdout, stderr });
  const told = { cause, exitCode, wallMs, cpuMs, memoryPeakBytes, stdout, stderr, image };
  return { ...told, words, level, sandbox: digest };
}

function tell(result: ExecutionResult, image: string | null, terminal: Terminal): void {
  const { green, red } = terminal.colors;
  const { cause, stdout, stderr, observed } = result;
  if (stdout !== "") terminal.out(lineOf(stdout));
  if (stderr !== "") terminal.err(lineOf(stderr));
  const cost =
    `${short(observed.wallMs)} ms, ${short(observed.cpuMs)} ms of CPU, ` +
    `${short(observed.memoryPeakBytes / 2 ** 20)} MiB of memory`;
  const written = image === null ? "" : `; ${image} is its image`;
  terminal.err(`${cause === "ok" ? green(cause) : red(cause)} in ${cost}${written}\n`);
}

const lineOf = (text: string) => withoutSteering(text.endsWith("\n") ? text : `${text}\n`);
