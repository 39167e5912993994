// Programs that fail, in the real sandbox: only the trajectory is at fault. It goes on, the cause
// stands in its events, and the run comes to its end.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ProgramRunner } from "../../actors/index.ts";
import type { EventData, EventEnvelope } from "../../events/index.ts";
import { openDockerSandbox, type Sandbox, sandboxImageTag } from "../../sandbox/index.ts";
import { startTinyRun, tinyConfig, tinyWorld, type World } from "./tiny-run.ts";

const test = suite<{ sandbox: Sandbox }>("programs that fail");
const wallMsMax = 500;

test.before(async (context) => {
  const image = await sandboxImageTag();
  context.sandbox = await openDockerSandbox({ image, run: `bad-programs-${process.pid}` });
});
test.after(({ sandbox }) => sandbox.close());

/** Plays a run in which every call of the tool is `program`. */
async function playWith(sandbox: Sandbox, program: string): Promise<readonly EventEnvelope[]> {
  const config = tinyConfig({ steps: 1, tasks: 1 });
  const runner: ProgramRunner = {
    digest: sandbox.digest,
    execute: (request, signal) => sandbox.execute({ ...request, limits: { wallMsMax } }, signal),
  };
  const plain = tinyWorld(config.run.seed);
  const { environment } = plain;
  const world: World = {
    ...plain,
    environment: {
      ...environment,
      parseAction(text) {
        const action = environment.parseAction(text);
        return action.kind === "code" ? { kind: "code", program } : action;
      },
    },
  };
  const run = await startTinyRun({ config, world, runner });
  try {
    await run.head.done;
    return run.events;
  } finally {
    await run.close();
  }
}

const cases: readonly (readonly [what: string, program: string, cause: string])[] = [
  ["that does not parse", "def repair(:\n", "syntax-error"],
  ["that raises", "import cv2\ncv2.nothing()\n", "error"],
  ["that runs for ever", "while True: pass\n", "timeout"],
  ["that writes no image", "print('done')\n", "no-image"],
  [
    "that writes a broken image",
    'open("path_to_output_image.jpg", "wb").write(b"no image")\n',
    "bad-image",
  ],
];

for (const [what, program, cause] of cases) {
  test(`a trajectory with a program ${what} goes on, and says ${cause}`, async ({ sandbox }) => {
    const events = await playWith(sandbox, program);
    const returned = events.filter(({ type }) => type === "tool.returned");
    assert.ok(returned.length > 0, "the tool was called");
    for (const { data, stream } of returned) {
      const answer = data as EventData<"tool.returned">;
      if ((answer.observed?.["source"] ?? "") === "unchanged") continue; // a set without tools
      assert.equal([answer.cause, answer.image], [cause, null]);
      const types = events.filter((one) => one.stream === stream).map(({ type }) => type);
      assert.is(types[types.indexOf("tool.returned") + 1], "turn.prompted");
      assert.is(types.at(-1), "trajectory.ended");
    }
  });
}

test.run();
