// Hostile programs against the real engine, at both levels: each ends in the right cause, the next
// execution is unharmed, and the host is as it was.
//
// Programs run side by side, each lane in containers of its own, so that the suite stays short; a
// test waits for its own program.
import { readdirSync, readFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import Docker from "dockerode";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type ExecutionCause,
  type ExecutionResult,
  type IsolationLevel,
  openDockerSandbox,
  sandboxImageTag,
} from "../../sandbox/index.ts";
import { escapes } from "./abuse/escapes.ts";
import { outputs } from "./abuse/outputs.ts";
import { resources } from "./abuse/resources.ts";
import type { Abuse } from "./abuse/types.ts";
import { copyThen, picture } from "./programs.ts";

const abuses: readonly Abuse[] = [...resources, ...escapes, ...outputs];
const docker = new Docker();
const lanesCount = 4;

/** Programs that end by the clock are waited for; the others get time on a busy machine. */
const wallMs = (cause: ExecutionCause): number =>
  ({ timeout: 1_000, "out-of-memory": 8_000 })[cause as string] ?? 15_000;

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

for (const level of ["fork", "container"] as const satisfies readonly IsolationLevel[]) {
  const test = suite<{ outcomes: readonly Promise<Outcome>[]; before: object }>(
    `docker sandbox: abuse at level ${level}`,
  );
  const run = `abuse-${level}-${process.pid}`;
  const closers: (() => Promise<void>)[] = [];

  test.before(async (context) => {
    context.before = hostState();
    const image = await picture("png");
    const tag = await sandboxImageTag();
    const lanes = await Promise.all(
      Array.from({ length: lanesCount }, () =>
        openDockerSandbox({ image: tag, run, size: 1, level }),
      ),
    );
    for (const lane of lanes) closers.push(() => lane.close());
    const ends: Promise<unknown>[] = lanes.map(() => Promise.resolve());
    context.outcomes = abuses.map(({ program, cause }, index) => {
      const lane = index % lanesCount;
      const sandbox = lanes[lane] as (typeof lanes)[number];
      const outcome = Promise.resolve(ends[lane]).then(async () => {
        const limits = { wallMsMax: wallMs(cause) };
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

  for (const [index, { what, cause, stdout, imageBytesMax, endsRunner }] of abuses.entries()) {
    test(`${what} ends as ${cause}, and the next execution is unharmed`, async (context) => {
      const { result, next } = (await context.outcomes[index]) as Outcome;
      assert.is(result.cause, cause, `${result.stdout.slice(0, 500)}${result.stderr.slice(-500)}`);
      if (stdout !== undefined) assert.is(result.stdout, stdout);
      assert.is(result.image === null, cause !== "ok");
      assert.ok((result.image?.length ?? 0) <= (imageBytesMax ?? Number.POSITIVE_INFINITY));
      assert.ok(result.observed.attempts === 1 || endsRunner, "the program ended its runner");
      assert.is(next.cause, "ok", next.stderr);
      assert.is(next.stdout, unharmed);
      if (level === "container") {
        assert.is.not(next.observed.container, result.observed.container);
      }
    });
  }

  test("the host is as it was, and no container is left", async ({ outcomes, before }) => {
    await Promise.allSettled(outcomes);
    assert.equal(hostState(), before);
    await Promise.all(closers.map((close) => close()));
    const filters = { label: [`varft.run=${run}`] };
    assert.equal(await docker.listContainers({ all: true, filters }), []);
  });

  test.run();
}
