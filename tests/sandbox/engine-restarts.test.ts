// Containers that are killed and an engine that is restarted under load: no call is lost, and
// nothing of it is seen in a result. The engine is one of the test's own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type ExecutionResult,
  openDockerSandbox,
  type Sandbox,
  SandboxUnavailableError,
  sandboxImageTag,
} from "../../sandbox/index.ts";
import { Dockerd, whyNoDockerd } from "./engines/dockerd.ts";
import { copyThen, picture, rotate } from "./programs.ts";

const callsCount = 24;
const containers = 3;

/** A result as far as a model sees it. */
const seen = ({ cause, stdout, stderr, image }: ExecutionResult) => ({
  cause,
  stdout,
  stderr,
  image: image === null ? null : Buffer.from(image).toString("base64"),
});

const programs = Array.from({ length: callsCount }, (_, index) =>
  copyThen(`import time; time.sleep(0.1); print(${index})`),
);

async function load(sandbox: Sandbox): Promise<readonly ExecutionResult[]> {
  const image = await picture("png");
  return Promise.all(programs.map((program) => sandbox.execute({ program, image })));
}

if (whyNoDockerd === null) testRestarts();
else {
  const test = suite(`docker sandbox: restarts skipped, ${whyNoDockerd}`);
  test.skip("an engine that is restarted under load", () => {});
  test.run();
}

function testRestarts(): void {
  const test = suite<{
    engine: Dockerd;
    sandbox: Sandbox;
    undisturbed: readonly ExecutionResult[];
  }>("docker sandbox: restarts under load");
  test.before(async (context) => {
    const image = await sandboxImageTag();
    context.engine = await Dockerd.open(image);
    const { socket } = context.engine;
    const run = `restarts-${process.pid}`;
    context.sandbox = await openDockerSandbox({ image, run, size: containers, socket });
    context.undisturbed = await load(context.sandbox);
  });
  test.after(async ({ engine, sandbox }) => {
    await sandbox.close();
    const left = await engine.docker.listContainers({ all: true });
    await engine.close();
    assert.equal(left, []);
  });

  /** Nothing of what went on is seen, and something did go on. */
  function assertEqual(
    results: readonly ExecutionResult[],
    undisturbed: readonly ExecutionResult[],
  ): void {
    assert.equal(results.map(seen), undisturbed.map(seen));
    const attempts = results.reduce((sum, { observed }) => sum + observed.attempts, 0);
    assert.ok(attempts > callsCount, `${attempts} attempts at ${callsCount} calls`);
  }

  test("docker kill of containers loses no call", async ({ engine, sandbox, undisturbed }) => {
    const calls = load(sandbox);
    let isOver = false;
    const killed = (async () => {
      for (let kills = 0; !isOver && kills < 4; kills += 1) {
        await new Promise((resolve) => setTimeout(resolve, 300));
        const [running] = await engine.docker.listContainers();
        await engine.docker
          .getContainer(running?.Id ?? "")
          .kill()
          .catch(() => undefined);
      }
    })();
    const results = await calls;
    isOver = true;
    await killed;
    assertEqual(results, undisturbed);
  });

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    test(`an engine that is ended by ${signal} and started again loses no call`, async (context) => {
      const { engine, sandbox, undisturbed } = context;
      const calls = load(sandbox);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await engine.stop(signal);
      await engine.start();
      assertEqual(await calls, undisturbed);
    });
  }

  test("an engine that stays away makes calls unavailable, and one that comes back does not", async ({
    engine,
    sandbox,
  }) => {
    const image = await picture("png");
    await engine.stop("SIGKILL");
    const thrown = await sandbox.execute({ program: rotate, image }).catch((error) => error);
    assert.instance(thrown, SandboxUnavailableError);
    assert.is(thrown.policy, "retryable");
    await engine.start();
    const { cause, stderr } = await sandbox.execute({ program: rotate, image });
    assert.is(cause, "ok", stderr);
  });

  test.run();
}
