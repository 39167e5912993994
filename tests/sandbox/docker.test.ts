// The Docker sandbox: the contract, and what becomes of calls and containers when something dies.
// Hostile programs: abuse.test.ts and leaks.test.ts.
import { spawn } from "node:child_process";
import { hostname } from "node:os";
import Docker from "dockerode";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  EngineUnreachableError,
  openDockerSandbox,
  type Sandbox,
  SandboxImageMissingError,
  SandboxUnavailableError,
  sandboxImageTag,
} from "../../sandbox/index.ts";
import { sandboxContract } from "./contract.ts";
import { copyThen, picture, rotate } from "./programs.ts";

const docker = new Docker();
const open = async (run: string, size = 2): Promise<Sandbox> =>
  openDockerSandbox({ image: await sandboxImageTag(), run, size });
const containersOf = (run: string) =>
  docker.listContainers({ all: true, filters: { label: [`varft.run=${run}`] } });

sandboxContract("Docker containers", () => open(`contract-${process.pid}`));

const deaths = suite("docker sandbox: deaths");

deaths("a container killed under a call loses no call", async () => {
  const run = `killed-${process.pid}`;
  const sandbox = await open(run, 1);
  try {
    const call = sandbox.execute({
      program: copyThen("import time; time.sleep(0.7)"),
      image: await picture("png"),
    });
    const killer = setInterval(async () => {
      const running = (await containersOf(run)).find(({ State }) => State === "running");
      if (running === undefined) return;
      clearInterval(killer);
      setTimeout(
        () =>
          void docker
            .getContainer(running.Id)
            .kill()
            .catch(() => undefined),
        300,
      );
    }, 20);
    const result = await call;
    assert.is(result.cause, "ok");
    assert.ok(result.observed.attempts >= 2, "it was repeated in another container");
  } finally {
    await sandbox.close();
  }
  assert.equal(await containersOf(run), []);
});

deaths("an idle container that died is replaced without a lost attempt being told", async () => {
  const run = `idle-${process.pid}`;
  const sandbox = await open(run, 1);
  try {
    const image = await picture("png");
    await sandbox.execute({ program: rotate, image });
    for (const { Id } of await containersOf(run)) await docker.getContainer(Id).kill();
    const result = await sandbox.execute({ program: rotate, image });
    assert.is(result.cause, "ok");
  } finally {
    await sandbox.close();
  }
});

deaths("close ends calls under way and leaves no container", async () => {
  const run = `closed-${process.pid}`;
  const sandbox = await open(run);
  const call = sandbox
    .execute({ program: "while True: pass", image: await picture("png") })
    .catch((error) => error);
  while ((await containersOf(run)).every(({ State }) => State !== "running")) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await sandbox.close();
  assert.is((await call).policy, "cancelled");
  assert.equal(await containersOf(run), []);
  const late = await sandbox
    .execute({ program: rotate, image: await picture("png") })
    .catch((e) => e);
  assert.is(late.policy, "cancelled");
});

deaths("containers of a head that is gone are removed at the next start, others stay", async () => {
  const run = `orphan-${process.pid}`;
  const head = spawn("sleep", ["0"]);
  await new Promise((resolve) => head.once("close", resolve));
  const start = async (processId: number, host: string) => {
    const container = await docker.createContainer({
      Image: await sandboxImageTag(),
      OpenStdin: true,
      HostConfig: { NetworkMode: "none" },
      Labels: {
        "varft.run": run,
        "varft.host": host,
        "varft.owner": String(processId),
        "varft.owner-start": "1",
      },
    });
    await container.start();
    return container;
  };
  const orphan = await start(head.pid ?? 0, hostname());
  const foreign = await start(head.pid ?? 0, "another-host");
  try {
    const sandbox = await open(`next-${process.pid}`);
    await sandbox.close();
    const left = (await containersOf(run)).map(({ Id }) => Id);
    assert.equal(left, [foreign.id]);
  } finally {
    await foreign.remove({ force: true });
    await orphan.remove({ force: true }).catch(() => undefined);
  }
});

deaths("an engine that does not answer is named with its socket and the mend", async () => {
  const options = { image: "x", run: "x", socket: "/nowhere/docker.sock" };
  const thrown = await openDockerSandbox(options).catch((error) => error);
  assert.instance(thrown, EngineUnreachableError);
  assert.match(thrown.message, "/nowhere/docker.sock");
  assert.match(thrown.message, "bash scripts/setup.sh");
});

deaths("a missing image is named with the mend", async () => {
  const thrown = await openDockerSandbox({ image: "varft-none:0", run: "x" }).catch((e) => e);
  assert.instance(thrown, SandboxImageMissingError);
  assert.match(thrown.message, "varft-none:0");
});

deaths(
  "containers that cannot start make the call unavailable, not the program wrong",
  async () => {
    const sandbox = await openDockerSandbox({
      image: await sandboxImageTag(),
      run: `broken-${process.pid}`,
      runtime: "no-such-runtime",
    });
    try {
      const call = sandbox.execute({ program: rotate, image: await picture("png") });
      const thrown = await call.catch((error) => error);
      assert.instance(thrown, SandboxUnavailableError);
      assert.is(thrown.policy, "retryable");
    } finally {
      await sandbox.close();
    }
  },
);

deaths.run();
