// Hostile programs on one engine and at one level: each must end in its cause, the execution after
// it must be unharmed, and the host must be as it was.
//
// Programs run side by side, each lane in containers of its own, so that the suite stays short; a
// test waits for its own program.
import { readdirSync, readFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import type Docker from "dockerode";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type DockerSandboxOptions,
  type ExecutionResult,
  openDockerSandbox,
  sandboxImageTag,
} from "../../../sandbox/index.ts";
import { copyThen, picture } from "../programs.ts";
import type { Abuse } from "./types.ts";

const lanesCount = 4;

/** Programs that end by the clock are waited for; the others get time on a busy machine. */
function wallMs({ cause, waits = false }: Abuse): number {
  if (cause === "timeout") return 1_000;
  return waits ? 8_000 : 60_000;
}

/** Prints what a fresh execution must find, whoever ran before. */
const afterwards = copyThen(`import builtins, cv2, json, numpy, os, sys
print(sorted(os.listdir("/tmp")), sorted(os.listdir(".")))
print(sum(name.isdigit() for name in os.listdir("/proc")), len(os.listdir("/proc/self/fd")))
print(cv2.rotate(numpy.ones((2, 3), numpy.uint8), 0).shape, json.dumps([1]), sys.flags.isolated)`);
const unharmed = `['work'] ['path_to_input_image.jpg', 'path_to_output_image.jpg']
2 4
(3, 2) [1] 0
`;

interface Outcome {
  readonly result: ExecutionResult;
  readonly next: ExecutionResult;
}

/** The host as a program could have changed it. */
function hostState(): object {
  const read = (path: string) => readFileSync(path, "utf8");
  return {
    name: hostname(),
    settings: read("/proc/sys/kernel/core_pattern"),
    routes: read("/proc/net/route"),
    marks: readdirSync(tmpdir()).filter((name) => /^(?:late|account|swap|mark|planted)/.test(name)),
  };
}

export interface AbuseSuiteOptions {
  readonly name: string;
  readonly abuses: readonly Abuse[];
  /** The engine, started if need be, and how a sandbox is opened on it. */
  readonly engine: () => Promise<{
    readonly docker: Docker;
    readonly options: Omit<DockerSandboxOptions, "image" | "run">;
  }>;
}

export function abuseSuite({ name, abuses, engine }: AbuseSuiteOptions): void {
  const test = suite<{ outcomes: readonly Promise<Outcome>[]; before: object; docker: Docker }>(
    `abuse: ${name}`,
  );
  const run = `abuse-${name.replaceAll(/\W+/g, "-")}-${process.pid}`;
  const closers: (() => Promise<void>)[] = [];

  test.before(async (context) => {
    context.before = hostState();
    const { docker, options } = await engine();
    context.docker = docker;
    const image = await picture("png");
    const tag = await sandboxImageTag();
    const lanes = await Promise.all(
      Array.from({ length: lanesCount }, () =>
        openDockerSandbox({ ...options, image: tag, run, size: 1 }),
      ),
    );
    for (const lane of lanes) closers.push(() => lane.close());
    const ends: Promise<unknown>[] = lanes.map(() => Promise.resolve());
    context.outcomes = abuses.map((abuse, index) => {
      const lane = index % lanesCount;
      const sandbox = lanes[lane] as (typeof lanes)[number];
      const outcome = Promise.resolve(ends[lane]).then(async () => {
        const { program } = abuse;
        const limits = { wallMsMax: wallMs(abuse) };
        const result = await sandbox.execute({ program, image, limits });
        return { result, next: await sandbox.execute({ program: afterwards, image }) };
      });
      ends[lane] = outcome.catch(() => undefined);
      return outcome;
    });
  });
  test.after(async () => {
    await Promise.all(closers.map((close) => close()));
  });

  for (const [index, abuse] of abuses.entries()) {
    const { what, cause, orCause = cause, stdout, imageBytesMax, endsRunner } = abuse;
    test(`${what} ends as ${cause}, and the next execution is unharmed`, async (context) => {
      const { result, next } = (await context.outcomes[index]) as Outcome;
      const expected = result.cause === orCause ? orCause : cause;
      assert.is(
        result.cause,
        expected,
        `${result.stdout.slice(0, 500)}${result.stderr.slice(-500)}`,
      );
      if (stdout !== undefined) assert.is(result.stdout, stdout);
      assert.is(result.image === null, cause !== "ok");
      assert.ok((result.image?.length ?? 0) <= (imageBytesMax ?? Number.POSITIVE_INFINITY));
      assert.ok(result.observed.attempts === 1 || endsRunner, "the program ended its runner");
      assert.is(next.cause, "ok", next.stderr);
      assert.is(next.stdout, unharmed);
      if (result.observed.level === "container") {
        assert.is.not(next.observed.container, result.observed.container);
      }
    });
  }

  test("the host is as it was, and no container is left", async (context) => {
    await Promise.allSettled(context.outcomes);
    assert.equal(hostState(), context.before);
    await Promise.all(closers.map((close) => close()));
    const filters = { label: [`varft.run=${run}`] };
    assert.equal(await context.docker.listContainers({ all: true, filters }), []);
  });

  test.run();
}
