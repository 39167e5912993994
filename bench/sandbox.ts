// What an execution costs: a cv2.rotate program in the warm pool, at both levels, beside the same
// program with `docker run` and `docker exec` on the same image in the same run; and what many
// executions in a row leave behind.
import { execFileSync, spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import sharp from "sharp";
import { openDockerSandbox, type Sandbox, sandboxImageTag } from "../sandbox/index.ts";
import { type BenchOptions, type BenchRows, quantile, row } from "./shared/row.ts";

/** How long it takes, about. */
export const seconds = 40;
const executionsMeasured = 150;
const concurrentCalls = 16;
const coldRuns = 5;
/** Executions in a row after which nothing may be left, for each that is measured. */
const rowPerMeasured = 20;
const containersMeasured = 10;

const program = `import cv2
image = cv2.imread("path_to_input_image.jpg")
image = cv2.rotate(image, cv2.ROTATE_180)
cv2.imwrite("path_to_output_image.jpg", image)
`;
/** The same work for a bare container: the image comes and goes by standard streams. */
const piped = `import sys, cv2, numpy
image = cv2.imdecode(numpy.frombuffer(sys.stdin.buffer.read(), numpy.uint8), cv2.IMREAD_COLOR)
sys.stdout.buffer.write(cv2.imencode(".jpg", cv2.rotate(image, cv2.ROTATE_180))[1].tobytes())
`;
const python = "/usr/bin/python3";

/** A page of text: what the mini benchmark's images look like. */
async function page(size: number): Promise<Buffer> {
  const line = (y: number) =>
    `<text x="${size * 0.05}" y="${size * y}" font-size="${size * 0.15}">HELLO 4271</text>`;
  const svg =
    `<svg width="${size}" height="${size}"><rect width="100%" height="100%" fill="#f4f0e8"/>` +
    `${[0.2, 0.4, 0.6, 0.8].map(line).join("")}</svg>`;
  return sharp(Buffer.from(svg)).jpeg().toBuffer();
}

async function timesOf(count: number, call: () => unknown): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

async function executeOk(sandbox: Sandbox, image: Uint8Array): Promise<void> {
  const { cause, stderr } = await sandbox.execute({ program, image });
  if (cause !== "ok") throw new Error(`the benchmark's program ended as ${cause}: ${stderr}`);
}

function docker(parameters: readonly string[], input: Uint8Array): void {
  const { status, stderr } = spawnSync("docker", parameters, { input });
  if (status !== 0) throw new Error(`docker ${parameters[0]}: ${stderr}`);
}

const shut = ["--network", "none", "--read-only", "--cap-drop", "ALL", "-i"];

async function coldTimes(image: Uint8Array): Promise<{ run: number; exec: number }> {
  const tag = await sandboxImageTag();
  const once = ["run", "--rm", ...shut, "--entrypoint", python, tag, "-c", piped];
  const run = await timesOf(coldRuns, () => docker(once, image));
  const wait = [...shut, "-d", "--rm", "--init", "--entrypoint", python, tag];
  const sleeper = ["run", ...wait, "-c", "import time; time.sleep(600)"];
  const id = execFileSync("docker", sleeper, { encoding: "utf8" }).trim();
  try {
    const inside = ["exec", "-i", id, python, "-c", piped];
    const exec = await timesOf(coldRuns, () => docker(inside, image));
    return { run: quantile(run, 0.5), exec: quantile(exec, 0.5) };
  } finally {
    execFileSync("docker", ["rm", "--force", id]);
  }
}

/** Measures the sandbox on the local engine. */
export async function rows({
  size: executions = executionsMeasured,
}: BenchOptions = {}): Promise<BenchRows> {
  const [small, large] = [await page(56), await page(512)];
  const cold = await coldTimes(large);
  const run = `bench-${process.pid}`;
  const sandbox = await openDockerSandbox({ image: await sandboxImageTag(), run });
  try {
    const [first = 0] = await timesOf(1, () => executeOk(sandbox, small));
    await timesOf(20, () => executeOk(sandbox, small));
    const at56 = await timesOf(executions, () => executeOk(sandbox, small));
    const at512 = await timesOf(executions, () => executeOk(sandbox, large));
    const start = performance.now();
    let remaining = executions;
    const caller = async (): Promise<void> => {
      while (remaining-- > 0) await executeOk(sandbox, large);
    };
    await Promise.all(Array.from({ length: concurrentCalls }, caller));
    const perSecond = (executions * 1000) / (performance.now() - start);
    const fresh = await freshTimes(large);
    const left = await leftBehind(small, executions * rowPerMeasured);
    return rowsOf({ cold, first, at56, at512, perSecond, fresh, left });
  } finally {
    await sandbox.close();
  }
}

/** Calls one by one at the level `container`, each answered by a container that was warm before. */
async function freshTimes(image: Uint8Array): Promise<readonly number[]> {
  const options = { image: await sandboxImageTag(), run: `bench-fresh-${process.pid}`, size: 2 };
  const sandbox = await openDockerSandbox({ ...options, level: "container" });
  try {
    const times: number[] = [];
    for (let index = 0; index < containersMeasured; index += 1) {
      while (sandbox.state().idle < options.size) {
        await sandbox.warm(options.size);
        await sleep(20);
      }
      times.push(...(await timesOf(1, () => executeOk(sandbox, image))));
    }
    return times.sort((a, b) => a - b);
  } finally {
    await sandbox.close();
  }
}

interface Left {
  /** Memory of the container after a tenth of the executions and after all of them, in bytes. */
  readonly early: number;
  readonly late: number;
  readonly processes: number;
  readonly containers: number;
}

/** Many executions in one container: its memory and its processes afterwards. */
async function leftBehind(image: Uint8Array, executions: number): Promise<Left> {
  const run = `bench-row-${process.pid}`;
  const sandbox = await openDockerSandbox({ image: await sandboxImageTag(), run, size: 1 });
  const id = () => dockerSays("ps", "--quiet", "--no-trunc", "--filter", `label=varft.run=${run}`);
  const inUse = async (): Promise<number> => {
    const stats = await new Docker().getContainer(id()).stats({ stream: false });
    const cache = stats.memory_stats.stats;
    return stats.memory_stats.usage - (cache.total_inactive_file ?? cache.inactive_file ?? 0);
  };
  try {
    await timesOf(Math.ceil(executions / 10), () => executeOk(sandbox, image));
    const early = await inUse();
    await timesOf(executions - Math.ceil(executions / 10), () => executeOk(sandbox, image));
    const late = await inUse();
    const processes = dockerSays("top", id()).split("\n").length - 1;
    return { early, late, processes, containers: sandbox.state().opened };
  } finally {
    await sandbox.close();
  }
}

function dockerSays(...parameters: readonly string[]): string {
  return execFileSync("docker", parameters, { encoding: "utf8" }).trim();
}

interface Times {
  /** Median milliseconds of a bare container. */
  readonly cold: { readonly run: number; readonly exec: number };
  readonly first: number;
  /** Sorted milliseconds by the side of the image, in pixels. */
  readonly at56: readonly number[];
  readonly at512: readonly number[];
  readonly perSecond: number;
  /** Sorted milliseconds at the level `container`. */
  readonly fresh: readonly number[];
  readonly left: Left;
}

function rowsOf({ cold, first, at56, at512, perSecond, fresh, left }: Times): BenchRows {
  const against = "docker run of the same program";
  const reference = cold.run;
  return {
    "sandbox.execute512.p50": row(quantile(at512, 0.5), "ms", {
      reference,
      against,
      reach: { of: "value", max: 15 },
    }),
    "sandbox.execute512.p99": row(quantile(at512, 0.99), "ms", {
      reference,
      against,
      reach: { of: "value", max: 50 },
    }),
    "sandbox.execute56.p50": row(quantile(at56, 0.5), "ms", { reference, against }),
    "sandbox.execute56.p99": row(quantile(at56, 0.99), "ms", { reference, against }),
    "sandbox.againstExec": row(quantile(at512, 0.5), "ms", {
      reference: cold.exec,
      against: "docker exec of the same program",
    }),
    "sandbox.concurrent16": row(perSecond / cpus().length, "1/s per core", {
      reference: 1_000 / cold.run,
      against,
    }),
    "sandbox.firstCall": row(first, "ms", { reference, against }),
    "sandbox.freshContainer.p50": row(quantile(fresh, 0.5), "ms", { reference, against }),
    "sandbox.row.memory": row(left.late / 2 ** 20, "MiB", {
      reference: left.early / 2 ** 20,
      against: "after a tenth of the executions in a row",
      reach: { of: "ratio", max: 1.1 },
    }),
    "sandbox.row.processes": row(left.processes, "", { reach: { of: "value", max: 2 } }),
    "sandbox.row.containers": row(left.containers, "", { reach: { of: "value", max: 1 } }),
  };
}
