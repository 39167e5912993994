// The parts of a head that the configuration chooses: tasks, tools, the bus.
import {
  type ProgramRunner,
  type SearchEngine,
  searchEngine,
  ToolExecutor,
} from "../../actors/index.ts";
import type { RunConfig } from "../../config/index.ts";
import { decodeImage, gridOf, imageSideMin, readPreprocessor } from "../../model/index.ts";
import { type BusPlace, startNatsServer } from "../../runtime/index.ts";
import {
  createBm25Search,
  openDockerSandbox,
  readCorpus,
  sandboxImageTag,
} from "../../sandbox/index.ts";
import type { Blobs } from "../../storage/index.ts";
import { miniCorpus, miniSource, readRows, rowSource, type TaskSource } from "../../tasks/index.ts";
import { busTokenVariable, engineSocket } from "../environment.ts";
import type { Closers } from "./closers.ts";
import type { SessionOptions } from "./types.ts";

/** Where tasks come from. */
export async function openTasks({ tasks, run, model }: RunConfig): Promise<TaskSource> {
  if (tasks.type === "mini") return miniSource(run.seed);
  const preprocessor = await readPreprocessor(model.directory);
  const check = async (bytes: Uint8Array, source: string) => {
    const image = await decodeImage(bytes, { source, sideMin: imageSideMin });
    gridOf(image, preprocessor, source);
  };
  return rowSource(tasks.file, await readRows(tasks.file), tasks.images, check);
}

/** The sandbox and the search, behind one executor. */
export async function openTools(
  { config, run, env }: SessionOptions,
  blobs: Blobs,
  closers: Closers,
): Promise<{ readonly tools: ToolExecutor; readonly digest: string }> {
  const { containers, runtime, memo, limits, container } = config.sandbox;
  const sandbox = await openDockerSandbox({
    image: await sandboxImageTag(),
    run,
    size: containers,
    container,
    ...(runtime === undefined ? {} : { runtime }),
    ...engineSocket(env),
  });
  closers.add(() => sandbox.close());
  const runner: ProgramRunner = {
    digest: sandbox.digest,
    execute: (request, signal) => sandbox.execute({ ...request, limits }, signal),
  };
  const search = await openSearch(config);
  const callsActiveMax = containers;
  const tools = new ToolExecutor({ runner, search, blobs, callsActiveMax, remember: memo });
  return { tools, digest: sandbox.digest };
}

async function openSearch({ search }: RunConfig): Promise<SearchEngine> {
  const { corpus, hits } = search;
  const passages =
    corpus === "mini"
      ? miniCorpus().map(({ id, contents }) => ({ id, text: contents }))
      : await readCorpus(corpus);
  return searchEngine(createBm25Search(passages), hits);
}

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
