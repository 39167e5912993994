// Goal: a run of real processes, in one file, verifies in an empty folder from another process: its
// audit, its replay, and every token and gradient again; whether it is completed, goes on, has
// stopped or only evaluates. A kept run is one that every command reads.
import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName } from "../../events/index.ts";
import type { AuditVerdict, ReplayVerdict } from "../../replay/index.ts";
import type { BundleManifest } from "../../storage/index.ts";
import { recordsOf, writeRecords } from "../replay/bundle/world.ts";
import { checkpoint, isBuilt, SmallRuns } from "./small-runs.ts";

const test = suite("e2e/bundle");
const varft = resolve("cli/varft.mjs");

let runs: SmallRuns;
/** What is there when somebody verifies: nothing. */
let empty = "";
let temporary = "";
let run = "";
let file = "";

interface Told extends AuditVerdict {
  readonly bundle: { readonly content: string; readonly manifest: BundleManifest } | null;
  readonly replay: (ReplayVerdict & { readonly notes: readonly string[] }) | null;
}

/** Runs `varft` in the empty folder. */
function elsewhere(...argv: readonly string[]) {
  const child = spawn(process.execPath, [varft, ...argv], {
    cwd: empty,
    env: { ...process.env, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { out: "", err: "" };
  for (const [name, stream] of [["out", child.stdout] as const, ["err", child.stderr] as const]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise<{ code: number | null; out: string; err: string }>((done) => {
    child.once("close", (code) => done({ code, ...texts }));
  });
}

async function verify(...words: readonly string[]) {
  const { code, out, err } = await elsewhere("verify", "--json", ...words);
  return { code, err, told: JSON.parse(out || "null") as Told };
}

/** Makes a bundle of the run `name`. */
async function bundle(name: string, as = name) {
  const made = runs.folder(`${as}.varft.gz`);
  const { run: of } = await runs.place(name);
  const words = ["bundle", of, "--json", "--runs", runs.folder(name), "-o", made];
  const { code, out, err } = await runs.varft(...words).ended;
  assert.is(code, 0, err);
  return { made, state: JSON.parse(out.at(-1) ?? "").state as BundleManifest["state"] };
}

/** What verifications have left behind, besides what the loader keeps. */
const leftovers = async () =>
  (await readdir(temporary)).filter((name) => !/^(?:tsx-|node-compile-cache)/.test(name));

const keyOf = async (name: string) =>
  (await readFile(join(runs.folder(name), "signing-key.pub"), "utf8")).trim();

const evaluation = `
[policy]
type = "base"
directory = "${checkpoint}"

[[sets]]
name = "singles"
type = "mini"
set = "singles"
tasks = 2

[[sets]]
name = "questions"
type = "bamboogle"
file = "tests/fixtures/visual-arft/bamboogle/test.jsonl"
tasks = 2
mode = "direct"

[rollout]
turns_max = 2
calls_max = 1
turn_tokens_max = 40
context_tokens_max = 2_048

[search]
type = "bm25"
corpus = "mini"
hits = 1
`;

if (isBuilt) {
  test.before(async () => {
    runs = await SmallRuns.open();
    empty = runs.folder("empty");
    temporary = runs.folder("verifying");
    for (const folder of [empty, temporary]) await mkdir(folder);
    const { code, err } = await runs.train("plain").ended;
    if (code !== 0) throw new Error(err);
    ({ run } = await runs.place("plain"));
    ({ made: file } = await bundle("plain"));
  });
  test.after(() => runs.close());

  test("a completed run verifies in an empty folder, and leaves nothing there", async () => {
    const { code, err, told } = await verify(file, "--strict", "--key", await keyOf("plain"));
    assert.is(code, 0, err);
    assert.equal([told.ok, told.origin, told.firstBad], [true, "proven", null]);
    assert.is(told.provenEvents, told.events);
    assert.equal([told.replay?.ok, told.replay?.policies], [true, 2]);
    assert.ok((told.checks["blobs"] ?? 0) > 0 && (told.checks["replay"] ?? 0) > 100);
    assert.equal([await readdir(empty), await leftovers()], [[], []]);
  });

  test("its manifest says what the run was made with", async () => {
    const { told } = await verify(file);
    const { manifest } = told.bundle ?? { manifest: null };
    assert.equal([manifest?.run, manifest?.state], [run, "completed"]);
    assert.match(manifest?.numericClass.code ?? "", /^[0-9a-f]{16} on V8 /);
    assert.match(manifest?.numericClass.device ?? "", /^cpu-/);
    assert.match(manifest?.madeBy.lockFile ?? "", /^sha256:/);
    const model = manifest?.model?.find(({ file: name }) => name === "model.safetensors");
    assert.is(model?.bytes, (await stat(`${checkpoint}/model.safetensors`)).size);
  });

  test("with the checkpoint, every token and gradient comes out again", async () => {
    const words = ["--recompute", "--tools", "--model", resolve(checkpoint)];
    const { code, err, told } = await verify(file, ...words);
    assert.is(code, 0, err);
    assert.equal([told.replay?.ok, told.replay?.recompute], [true, true]);
    for (const kind of ["tokens", "tools", "gradients", "losses"] as const) {
      const { compared = 0, near } = told.replay?.comparisons[kind] ?? {};
      assert.ok(compared > 0 && near === 0, `${kind}: ${compared} compared, ${near} near`);
    }
  });

  test("another checkpoint is refused", async () => {
    const other = runs.folder("other-model");
    await mkdir(other);
    await writeFile(join(other, "config.json"), "{}");
    const { code, err } = await verify(file, "--recompute", "--model", other);
    assert.is(code, 3);
    assert.match(err, /the run began with sha256:/);
    assert.equal(await leftovers(), []);
  });

  test("a changed byte ends it with 3 and the place", async () => {
    const bytes = await readFile(file);
    const at = bytes.length >> 1;
    bytes[at] = (bytes[at] ?? 0) ^ 16;
    const changed = runs.folder("changed.gz");
    await writeFile(changed, bytes);
    const { code, told } = await verify(changed);
    assert.equal([code, told.ok, told.bundle, told.replay], [3, false, null, null]);
    assert.match(told.firstBad?.reason ?? "", /^bundle: byte \d+ of the file: /);
    assert.equal(await leftovers(), []);
  });

  test("a run that is kept is one that other commands read", async () => {
    const { code, err } = await verify(file, "--into", "kept");
    assert.is(code, 0, err);
    assert.equal(await readdir(join(empty, "kept")), [run]);
    for (const command of ["show", "replay", "audit"]) {
      const told = await elsewhere(command, run, "--runs", "kept");
      assert.is(told.code, 0, `${command}: ${told.err}`);
    }
    const again = await verify(file, "--into", "kept");
    assert.is(again.code, 2);
    assert.match(again.err, /is there already/);
    assert.equal(await readdir(join(empty, "kept")), [run]);
    // What was kept makes the same bundle again.
    const copy = join(empty, "copy.gz");
    const made = await elsewhere("bundle", run, "--json", "--runs", "kept", "-o", copy);
    const { told } = await verify(copy);
    assert.is(made.code, 0, made.err);
    assert.is(told.bundle?.manifest.chain, JSON.parse(made.out).chain);
  });

  test("an adapter that goes along is the exported one, and no other passes for it", async () => {
    const lora = 'tune={ type = "lora", rank = 2, alpha = 4, vision = false }';
    const trained = await runs.train("lora", lora, "run.steps=1").ended;
    assert.is(trained.code, 0, trained.err);
    const { run: tuned } = await runs.place("lora");
    const at = ["--runs", runs.folder("lora")];
    const made = runs.folder("adapted.gz");
    const words = ["bundle", tuned, "--adapter", "--json", "-o", made];
    const { code, err, out } = await runs.varft(...words, ...at).ended;
    assert.is(code, 0, err);
    const told = JSON.parse(out.at(-1) ?? "") as { adapter: { step: number } };
    assert.is(told.adapter.step, 1);
    const well = await verify(made, "--adapter", "adapter");
    assert.is(well.code, 0, `${well.err} ${well.told.firstBad?.reason}`);
    assert.is(well.told.checks["adapter"], 3);
    const exported = join(empty, "exported");
    assert.is((await runs.varft("model", "export", tuned, "-o", exported, ...at).ended).code, 0);
    const names = await readdir(exported);
    assert.equal(names.sort(), (await readdir(join(empty, "adapter"))).sort());
    for (const name of names) {
      const [one, other] = [join(exported, name), join(empty, "adapter", name)];
      assert.ok((await readFile(one)).equals(await readFile(other)), name);
    }
    // Other weights, with every hash, total and seal made anew.
    const records = await recordsOf(made);
    const place = records.findIndex(
      ({ kind, payload }) =>
        kind === "adapter" && payload.toString("latin1").endsWith("safetensors"),
    );
    const [head, piece] = records.slice(place, place + 2).map(({ payload }) => payload);
    assert.ok(head !== undefined && piece !== undefined && piece.length < 2 ** 20, "one piece");
    piece[piece.length - 1] = (piece.at(-1) ?? 0) ^ 1;
    head.write(hashName(piece).slice("sha256:".length), "hex");
    const forged = runs.folder("forged.gz");
    await writeRecords(forged, records);
    const found = await verify(forged, "--adapter", "forged");
    assert.is(found.code, 3);
    assert.match(
      found.told.firstBad?.reason ?? "",
      /^adapter: adapter_model.safetensors is sha256:\w+, the last recorded policy gives sha256:/,
    );
    const none = await verify(file, "--adapter", "none");
    assert.is(none.code, 2);
    assert.match(none.err, /holds no adapter: varft bundle --adapter puts one in/);
    const full = ["bundle", run, "--adapter", "-o", runs.folder("full.gz")];
    const refused = await runs.varft(...full, "--runs", runs.folder("plain")).ended;
    assert.match(refused.err, /has no adapters, it tunes all weights: varft model export/);
    assert.equal([await leftovers(), (await readdir(empty)).includes("forged")], [[], false]);
    for (const name of ["adapter", "exported"]) await rm(join(empty, name), { recursive: true });
  });

  test("a run that goes on is bundled at its checkpoint, one that has stopped as a whole", async () => {
    const training = runs.train("long", "run.steps=40");
    await training.line((line) => line.includes('"type":"step"'));
    const running = await bundle("long");
    training.signal("SIGINT");
    assert.is((await training.ended).code, 130);
    assert.is(running.state, "running");
    const key = await keyOf("long");
    const first = await verify(running.made, "--strict", "--key", key);
    assert.is(first.code, 0, `${first.err} ${first.told.firstBad?.reason}`);
    assert.equal([first.told.origin, first.told.replay?.ok], ["proven", true]);

    const stopped = await bundle("long", "long-stopped");
    assert.is(stopped.state, "stopped");
    const { code, err, told } = await verify(stopped.made, "--strict", "--key", key);
    assert.is(code, 0, err);
    assert.ok(told.events > first.told.events);
  });

  test("an evaluation is a run, too", async () => {
    const config = runs.folder("eval-small.toml");
    const words = ["eval", config, "--json", "--runs", runs.folder("scored")];
    await writeFile(config, evaluation);
    const { code, err } = await runs.varft(...words).ended;
    assert.is(code, 0, err);
    const { made, state } = await bundle("scored");
    assert.is(state, "completed");
    const { told, ...ended } = await verify(made);
    assert.is(ended.code, 0, `${ended.err} ${told.firstBad?.reason}`);
    assert.equal([told.replay?.steps, told.replay?.ok], [0, true]);
    // The file that the questions came from is named by the bundle: nobody opens it for that.
    assert.match(told.replay?.notes.join() ?? "", /^tasks are taken as they are recorded/);
  });
} else {
  console.log(`skipped, ${checkpoint} is not built: bundles of real runs`);
}

test.run();
