// `varft doctor`: what this host has and lacks, with the command that mends it.
import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ensureError } from "../../../events/index.ts";
import { GpuQueryError, gpuFacts } from "../../../runtime/index.ts";
import { type DoctorCheck, doctorChecks } from "../../../sandbox/index.ts";
import { openLedger } from "../../../storage/index.ts";
import type { Command } from "../../command.ts";
import { engineSocket } from "../../environment.ts";
import { exitCodes } from "../../exit.ts";
import { tableLines } from "../../text/index.ts";
import { brokenGpuCheck, gpuChecks } from "./gpu-checks.ts";

export const doctor: Command = {
  name: "doctor",
  about: "What this host has and lacks, and how to mend it",
  args: {},
  async run(_words, { terminal, json, runs, env }) {
    const folder = await existing(runs);
    const checks = [
      ...(await doctorChecks({ folder, path: env["PATH"] ?? "", ...engineSocket(env) })),
      await check("ledger", "check the rights and the free space of the temporary folder", ledger),
      await check("onnxruntime", "npm ci", onnxruntime),
      ...(await gpus(env["PATH"] ?? "")),
    ];
    const ok = checks.every((one) => one.ok);
    if (json) terminal.out(`${JSON.stringify({ ok, checks })}\n`);
    else {
      const { green, red } = terminal.colors;
      const rows = checks.map((one) => [
        one.ok ? green("ok") : red("missing"),
        one.name,
        one.detail,
        one.fix,
      ]);
      terminal.out(`${tableLines(["", "what", "found", "mend with"], rows).join("\n")}\n`);
    }
    return ok ? exitCodes.done : exitCodes.failed;
  },
};

/** The folder itself, or the one in which it would be made. */
async function existing(folder: string): Promise<string> {
  const path = resolve(folder);
  const there = await access(path).then(
    () => true,
    () => false,
  );
  return there || path === dirname(path) ? path : existing(dirname(path));
}

async function check(name: string, fix: string, find: () => Promise<string>): Promise<DoctorCheck> {
  try {
    return { name, ok: true, detail: await find(), fix: "" };
  } catch (thrown) {
    return { name, ok: false, detail: ensureError(thrown).message, fix };
  }
}

/** One durable append into a ledger of its own. */
async function ledger(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "varft-doctor-"));
  try {
    const store = await openLedger(directory, { clock: () => 0 });
    const startedMs = performance.now();
    const data = { role: "doctor", cause: "check" };
    const events = [{ type: "actor.ended", v: 1, data }];
    const parts = [{ stream: "actor/doctor", expected: null, epoch: 0, events }];
    await store.append({ command: "doctor", by: "doctor", trace: null, blobs: [], parts });
    const took = performance.now() - startedMs;
    await store.close();
    return `lmdb writes, one durable append in ${took.toFixed(1)} ms`;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function gpus(path: string): Promise<readonly DoctorCheck[]> {
  try {
    const { missingCudaFiles } = await import("../../../model/index.ts");
    return gpuChecks(await gpuFacts(path), await missingCudaFiles());
  } catch (thrown) {
    if (thrown instanceof GpuQueryError) return [brokenGpuCheck(thrown)];
    throw thrown;
  }
}

async function onnxruntime(): Promise<string> {
  const { env, listSupportedBackends } = await import("onnxruntime-node");
  const backends = listSupportedBackends().map(({ name }) => name);
  return `${env.versions.node ?? "loads"}, ${backends.join(", ")}`;
}
