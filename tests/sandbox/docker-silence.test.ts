// Runners that do not answer, in real containers: one that hangs, one that its host has paused, and
// one that a fork bomb leaves hardly any time.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openDockerSandbox, sandboxImageTag } from "../../sandbox/index.ts";
import { resources } from "./abuse/resources.ts";
import { copyThen, picture, rotate } from "./programs.ts";

const test = suite("docker sandbox: silence");
const docker = new Docker();
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const containersOf = (run: string) =>
  docker.listContainers({ filters: { label: [`varft.run=${run}`] } });

/** The sandbox image with a runner that hangs on programs that ask for it. */
async function hangingImage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "varft-hanging-"));
  const image = `varft-hanging:${process.pid}`;
  try {
    const runner = new URL("../../sandbox/image/runner.py", import.meta.url);
    const before = "        scratch = self.hold(";
    const hang = '        if b"# hang" in bytes(program.view):\n            time.sleep(3600)\n';
    const text = (await readFile(runner, "utf8")).replace(before, hang + before);
    assert.ok(text.includes(hang));
    await writeFile(join(folder, "runner.py"), text);
    const dockerfile = `FROM ${await sandboxImageTag()}\nCOPY runner.py /opt/varft/runner.py\n`;
    await writeFile(join(folder, "Dockerfile"), dockerfile);
    const src = ["Dockerfile", "runner.py"];
    const building = await docker.buildImage({ context: folder, src }, { t: image, forcerm: true });
    await new Promise<void>((resolve, reject) => {
      docker.modem.followProgress(building, (error) => (error ? reject(error) : resolve()));
    });
    return image;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("a runner that hangs under a program twice ends it as a timeout", async () => {
  const image = await hangingImage();
  const run = `hanging-${process.pid}`;
  const sandbox = await openDockerSandbox({ image, run, size: 1, watchdogMs: 1_000 });
  try {
    const input = await picture("png");
    const limits = { wallMsMax: 200 };
    const result = await sandbox.execute({ program: "# hang", image: input, limits });
    assert.equal([result.cause, result.observed.attempts], ["timeout", 2]);
    const next = await sandbox.execute({ program: rotate, image: input });
    assert.equal([next.cause, next.observed.attempts], ["ok", 1], next.stderr);
  } finally {
    await sandbox.close();
    await docker.getImage(image).remove({ force: true });
  }
});

test("containers that their host pauses are losses, and no program's", async () => {
  const run = `paused-${process.pid}`;
  const image = await sandboxImageTag();
  const sandbox = await openDockerSandbox({ image, run, size: 1, watchdogMs: 500 });
  let isOver = false;
  const pauseTwo = async (): Promise<void> => {
    for (let pauses = 0; pauses < 2 && !isOver; await wait(50)) {
      const { alive, idle, opening } = sandbox.state();
      const running = (await containersOf(run)).find(({ State }) => State === "running");
      if (running === undefined || alive - idle !== 1 || opening > 0) continue;
      await docker.getContainer(running.Id).pause();
      pauses += 1;
    }
  };
  try {
    await sandbox.warm(1);
    const program = copyThen("import time; time.sleep(0.7)");
    const call = sandbox.execute({
      program,
      image: await picture("png"),
      limits: { wallMsMax: 2_000 },
    });
    const pausing = pauseTwo();
    const { cause, observed } = await call;
    isOver = true;
    await pausing;
    assert.equal([cause, observed.attempts], ["ok", 3]);
  } finally {
    await sandbox.close();
  }
});

/**
 * A container's share of a core from when a bomb has grown: as on a host that is loaded heavily. A
 * runner that lets the others go on until the program's first process is dead is silent for longer
 * than its watchdog waits here.
 */
const cpusWhileLoaded = 0.04;
const grownMs = 600;

test("a fork bomb that hardly gets time ends by the clock, and its runner answers", async () => {
  const run = `bomb-${process.pid}`;
  const image = await sandboxImageTag();
  const sandbox = await openDockerSandbox({ image, run, size: 1, watchdogMs: 14_000 });
  try {
    await sandbox.warm(1);
    const [container] = await containersOf(run);
    assert.ok(container !== undefined);
    const { program } = resources.find(({ what }) => what === "a fork bomb") ?? { program: "" };
    const limits = { wallMsMax: 1_000 };
    const call = sandbox.execute({ program, image: await picture("png"), limits });
    await wait(grownMs);
    await docker.getContainer(container.Id).update({ NanoCpus: cpusWhileLoaded * 1e9 });
    const { cause, observed } = await call;
    assert.equal([cause, observed.attempts], ["timeout", 1]);
  } finally {
    await sandbox.close();
  }
});

test.run();
