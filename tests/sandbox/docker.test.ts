// The Docker sandbox: the contract, what hostile programs may not do, and what becomes of calls and
// containers when something dies.
import { spawn } from "node:child_process";
import { hostname } from "node:os";
import Docker from "dockerode";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  EngineUnreachableError,
  type ExecutionCause,
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

const hostile = suite<{ sandbox: Sandbox }>("docker sandbox: hostile programs");
hostile.before(async (context) => {
  // One container: each program runs where the one before it did its worst.
  context.sandbox = await open(`hostile-${process.pid}`, 1);
});
hostile.after(({ sandbox }) => sandbox.close());

const signalRunner = (number: string) => `import os, signal
try:
    os.kill(os.getppid(), ${number})
    print("sent")
except PermissionError:
    print("refused")`;

const programs: readonly (readonly [string, ExecutionCause, string, string?])[] = [
  [
    "a fork bomb",
    "timeout",
    "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
  ],
  [
    "a memory bomb of many processes",
    "out-of-memory",
    `import os
for _ in range(12):
    if os.fork() == 0:
        block = bytearray(120_000_000)
        for at in range(0, len(block), 4096): block[at] = 1
        while True: pass
while True: pass`,
  ],
  ["killing the runner", "no-image", signalRunner("signal.SIGKILL"), "refused\n"],
  ["stopping the runner", "no-image", signalRunner("signal.SIGSTOP"), "refused\n"],
  ["killing everybody", "no-image", signalRunner("9").replace("os.getppid()", "-1"), "refused\n"],
  [
    "reading the runner's memory",
    "no-image",
    `import os
for name in ("mem", "environ", "maps", "fd/1"):
    try: open(f"/proc/{os.getppid()}/{name}", "rb").read(1); print("read")
    except OSError: print("refused")`,
    "refused\nrefused\nrefused\nrefused\n",
  ],
  [
    "a daemon that would write later",
    "ok",
    copyThen(`import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(0.2); open("/tmp/late", "w").write("x"); time.sleep(60)
    os._exit(0)`),
  ],
  ["a native crash", "killed", "import ctypes; ctypes.string_at(1)"],
  ["os._exit", "ok", copyThen("import os; os._exit(0)")],
  [
    "a blocked signal",
    "timeout",
    "import signal\nsignal.pthread_sigmask(0, range(1, 64))\nwhile True: pass",
  ],
  [
    "the network",
    "no-image",
    `import socket
try: socket.create_connection(("1.1.1.1", 53), 1); print("connected")
except OSError: print("refused")`,
    "refused\n",
  ],
  [
    "a write outside the work folder",
    "no-image",
    `for path in ("/etc/x", "/opt/varft/runner.py", "/usr/lib/python3/dist-packages/cv2.py", "/x"):
    try: open(path, "w"); print("open")
    except OSError: print("refused")`,
    "refused\nrefused\nrefused\nrefused\n",
  ],
  ["a full disk", "error", 'for n in range(100): open(f"f{n}", "wb").write(bytes(8_000_000))'],
  ["all inodes", "error", 'for n in range(100_000): open(f"f{n}", "w")'],
  ["a file beyond its limit", "error", 'open("f", "wb").truncate(1 << 30)'],
  [
    "a moved work folder",
    "no-image",
    'import os; os.rename("/tmp/work", "/tmp/other"); os.symlink("/etc", "/tmp/work")',
  ],
  ["deep folders", "error", 'import os\nfor n in range(5000): os.mkdir("d"); os.chdir("d")'],
  [
    "a thread storm",
    "error",
    "import threading, time\nfor n in range(500): threading.Thread(target=time.sleep, args=(60,)).start()",
  ],
  ["deep recursion", "error", "def f(): f()\nf()"],
  [
    "a forged answer",
    "no-image",
    `import os
for n in range(256):
    try: os.write(n, b"\\0\\0\\0\\x0b" + b'{"ready":1}')
    except OSError: pass`,
  ],
  [
    "namespaces and mounts",
    "no-image",
    `import ctypes
libc = ctypes.CDLL(None)
print(libc.unshare(0x10000000), libc.mount(b"a", b"/tmp", b"tmpfs", 0, None), libc.ptrace(16, 1, 0, 0))`,
    "-1 -1 -1\n",
  ],
  ["a window", "error", 'import cv2; cv2.imshow("x", cv2.imread("path_to_input_image.jpg"))'],
];

/** Programs that end by the clock are waited for; the others get time on a busy machine. */
const wallMs = (cause: ExecutionCause): number =>
  ({ timeout: 1_000, "out-of-memory": 3_000 })[cause as string] ?? 10_000;

for (const [name, cause, program, stdout] of programs) {
  hostile(`${name} ends as ${cause}, and the next execution is unharmed`, async ({ sandbox }) => {
    const image = await picture("png");
    const result = await sandbox.execute({ program, image, limits: { wallMsMax: wallMs(cause) } });
    assert.is(result.cause, cause, `${result.stdout}${result.stderr}`);
    if (stdout !== undefined) assert.is(result.stdout, stdout);
    assert.is(result.observed.attempts, 1);
    const look = copyThen('import os; print(sorted(os.listdir("/tmp")), os.listdir("."))');
    const next = await sandbox.execute({ program: look, image });
    assert.is(next.cause, "ok", next.stderr);
    assert.match(next.stdout, /^\['work'\] \['path_to_\w+\.jpg', 'path_to_\w+\.jpg'\]\n$/);
  });
}
hostile.run();

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
