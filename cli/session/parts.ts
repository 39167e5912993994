// The parts of a head that the configuration chooses: tasks, tools, the bus.
import { type ProgramRunner, searchEngine, ToolExecutor } from "../../actors/index.ts";
import {
  groupsPlayed,
  protocolOf,
  type RunConfig,
  type TaskSourceConfig,
} from "../../config/index.ts";
import { decodeImage, gridOf, imageSideMin, readPreprocessor } from "../../model/index.ts";
import { type BusPlace, startNatsServer } from "../../runtime/index.ts";
import {
  openDockerSandbox,
  type PoolNotice,
  type RunnerPool,
  type Search,
  sandboxImageTag,
} from "../../sandbox/index.ts";
import type { Blobs } from "../../storage/index.ts";
import {
  type CheckImage,
  informationWords,
  miniSource,
  mixtureSource,
  readDataset,
  rowSource,
  type TaskSource,
  TaskSourceError,
  trainingSet,
} from "../../tasks/index.ts";
import { busTokenVariable, engineSocket } from "../environment.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

/** Bad rows that are told one by one. */
const badRowsShownMax = 20;

/** Where tasks come from. `say` is told of rows that are left out. */
export async function openTasks(
  config: RunConfig,
  say: (text: string) => void,
): Promise<TaskSource> {
  const { tasks, run, model, policy } = config;
  const preprocessor = once(() => readPreprocessor(model.directory));
  const check = async (bytes: Uint8Array, source: string) => {
    const image = await decodeImage(bytes, { source, sideMin: imageSideMin });
    // How large an image may be is the server's own affair where a server sees it.
    if (policy?.type === "server") return;
    gridOf(image, await preprocessor(), source);
  };
  const open = (given: TaskSourceConfig) => openSource(given, run.seed, check, say);
  if (tasks.type !== "mixture") {
    const source = await open(tasks);
    requireBaseline(config, trainingSet, source);
    return source;
  }
  const sources = await Promise.all(
    tasks.sources.map(async (one) => ({ ...one, source: await open(one) })),
  );
  for (const { name, weight, source } of sources) {
    if (weight > 0) requireBaseline(config, `${name}/${trainingSet}`, source);
  }
  return mixtureSource(sources, run.seed);
}

/**
 * Where the reward compares with what the run played before, every task that is trained on was
 * asked there: a run would find out at the first one that was not.
 */
function requireBaseline(config: RunConfig, set: string, { trainingTasks }: TaskSource): void {
  const { evaluation, reward, run } = config;
  const names = reward.correction?.baselineSets;
  if (names === undefined || run.steps === 0) return;
  const needed = Math.min(trainingTasks, run.steps * groupsPlayed(config));
  const played = evaluation.sets.filter((one) => names.includes(one.name) && one.set === set);
  const most = played.reduce((max, { tasks }) => Math.max(max, tasks), 0);
  if (most >= needed) return;
  throw new TaskSourceError(
    `reward.correction.baseline_sets asks ${most} tasks of "${set}", ${needed} are trained on: ` +
      `name an evaluation set with set = "${set}" and tasks = ${needed} (a fork has the baseline ` +
      "that its parent played: give it fewer steps, or answers as reward.correction.baseline_file)",
  );
}

async function openSource(
  given: TaskSourceConfig,
  seed: number,
  check: CheckImage,
  say: (text: string) => void,
): Promise<TaskSource> {
  if (given.type === "mini") return miniSource(seed);
  const { file, order, heldoutShare } = given;
  const { rows, bad } = await readDataset(given);
  for (const { line, reason } of bad.slice(0, badRowsShownMax)) say(`${file}:${line}: ${reason}`);
  if (bad.length > 0)
    say(`${file}: ${bad.length} bad rows are left out, ${rows.length} are played`);
  return rowSource(file, rows, { seed, order, heldoutShare, check });
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let value: Promise<T> | null = null;
  return () => {
    value ??= read();
    return value;
  };
}

/** The tools of a run, and the pool behind them. */
interface OpenTools {
  readonly tools: ToolExecutor;
  readonly digest: string;
  /** null: nothing is played in which a program may be called. */
  readonly pool: RunnerPool | null;
}

/** The sandbox and the search, behind one executor. `onNotice` is told of the sandbox's life. */
export async function openTools(
  { config, run, env }: SessionOptions,
  searched: Search,
  blobs: Blobs,
  closers: Closers,
  onNotice: (notice: PoolNotice) => void = () => {},
): Promise<OpenTools> {
  const { containers, level, seccomp, packages, runtime, memo, limits, container } = config.sandbox;
  const words = informationWords(protocolOf(config));
  const search = searchEngine(searched, config.search.hits, words);
  if (!actsAnywhere(config)) {
    const options = { runner: noRunner, search, blobs, callsActiveMax: containers };
    const tools = new ToolExecutor({ ...options, remember: memo });
    return { tools, digest: noRunner.digest, pool: null };
  }
  const sandbox = await openDockerSandbox({
    image: await sandboxImageTag(packages),
    packages,
    run,
    size: containers,
    level,
    seccomp,
    container,
    ...(runtime === undefined ? {} : { runtime }),
    ...engineSocket(env),
    onNotice,
  });
  closers.add(() => sandbox.close());
  // Containers of one call each are started before the calls; a fault is told by the first of them.
  if (level === "container") void sandbox.warm(containers).catch(() => {});
  const runner: ProgramRunner = {
    digest: sandbox.digest,
    execute: (request, signal) => sandbox.execute({ ...request, limits }, signal),
  };
  const callsActiveMax = containers;
  const tools = new ToolExecutor({ runner, search, blobs, callsActiveMax, remember: memo });
  return { tools, digest: sandbox.digest, pool: sandbox };
}

/** Whether anything is played in which a program may be called: else no sandbox is needed. */
function actsAnywhere({ run, evaluation }: RunConfig): boolean {
  return run.steps > 0 || evaluation.sets.some(({ mode }) => mode === undefined);
}

const noRunner: ProgramRunner = {
  digest: "none",
  execute: () => Promise.reject(new Error("nobody calls a program where nobody acts")),
};

/** The bus: the configured one, or a private server that lives as long as the session. */
export async function openBusPlace(
  { config, directory, env }: SessionOptions,
  closers: Closers,
  onFailed: (error: Error) => void,
): Promise<BusPlace> {
  const { url } = config.bus;
  if (url !== undefined) return { url, token: env[busTokenVariable] ?? "" };
  const server = await startNatsServer({ directory, onFailed });
  closers.add(() => server.stop());
  return server;
}
