// Goal: the words of a command line are read strictly, and every end has its exit code.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { NotFoundError, UsageError } from "../../cli/errors.ts";
import { describeError, exitCodeOf, stackOf } from "../../cli/exit.ts";
import { ConfigError } from "../../config/index.ts";
import { AssertionError, CancelledError, RetryableError } from "../../events/index.ts";
import { varft } from "./fake-terminal.ts";

const test = suite("cli/words");

test("without a command the overview goes to standard error and the code is 2", async () => {
  const bare = await varft();
  assert.equal([bare.code, bare.out], [2, ""]);
  assert.match(bare.err, /doctor +What this host has/);
  const help = await varft("--help");
  assert.equal([help.code, help.err], [0, ""]);
  assert.is(help.out, bare.err);
  assert.match((await varft("--version")).out, /^\d+\.\d+\.\d+\n$/);
});

test("every command explains itself", async () => {
  const names = [...(await varft("help")).out.matchAll(/^ {2}([a-z]+) {2}/gm)].map(
    ([, name]) => name,
  );
  assert.ok(names.length >= 9);
  for (const name of names) {
    const { code, out } = await varft(name ?? "", "--help");
    assert.is(code, 0);
    assert.match(out, `varft ${name}`);
    assert.match(out, "--json");
  }
});

test("wrong words are named, and nothing is done", async () => {
  const cases: readonly (readonly [argv: readonly string[], words: string])[] = [
    [["trian"], 'there is no command "trian"; did you mean "train"?'],
    [["train"], "varft train needs CONFIG or --resume RUN"],
    [["train", "a.toml", "b.toml"], 'varft train takes no "b.toml"'],
    [["train", "config/quickstart.toml", "--stes", "3"], "Unknown option '--stes'"],
    [["train", "config/quickstart.toml", "--seed"], "--seed"],
    [["train", "--resume", "r", "--seed", "3"], "leave --seed out"],
    [["train", "c.toml", "--resume", "r"], "leave CONFIG out"],
    [["train", "config/nowhere.toml"], "config/nowhere.toml: cannot be read"],
    [["train", "config/quickstart.toml", "--seed", "x"], '--set run.seed=x: "run.seed" must be'],
    [["eval"], "varft eval needs CONFIG"],
    [["show"], "varft show needs RUN"],
    [["trajectory", "r"], "varft trajectory needs ID"],
    [["worker"], "varft worker needs --run"],
    [["worker", "--run", "r", "--role", "cook"], '--role is rollout or learner, not "cook"'],
    [["worker", "--run", "nowhere"], "name its bus with --bus URL"],
  ];
  for (const [argv, words] of cases) {
    const { code, out, err } = await varft(...argv);
    assert.is(code, 2, `${argv.join(" ")}: ${err}`);
    assert.is(out, "");
    assert.ok(err.includes(words), `${argv.join(" ")}: ${err}`);
    assert.match(err, /^varft: /);
  }
});

test("global flags may stand before the command", async () => {
  const { code, out } = await varft("--json", "--runs", "/nonexistent", "runs");
  assert.is(code, 0);
  assert.equal(JSON.parse(out), { runs: [] });
});

test("every error has its exit code", () => {
  const fault = { key: "a", place: "f:1", reason: "wrong" };
  class Lost extends RetryableError {}
  class Stopped extends CancelledError {}
  assert.is(exitCodeOf(new UsageError("words")), 2);
  assert.is(exitCodeOf(new ConfigError([fault])), 2);
  assert.is(exitCodeOf(new NotFoundError("run")), 1);
  assert.is(exitCodeOf(new Lost("bus-timeout", "late")), 1);
  assert.is(exitCodeOf(new Stopped("interrupted", "stopped")), 130);
  assert.is(exitCodeOf(new Error("bug")), 1);
});

test("errors of the system come with a mend, our own with a way to look closer", () => {
  const full = Object.assign(new Error("write failed"), { code: "ENOSPC" });
  assert.match(describeError(full), "write failed: the disk is full");
  assert.match(describeError(new AssertionError("impossible")), "VARFT_DEBUG=1");
  assert.match(describeError("text"), "text");
  const chain = new Error("outer", { cause: new Error("inner") });
  assert.match(stackOf(chain), /outer[\s\S]*caused by: .*inner/);
});

test.run();
