// What Ray's actor calls reach: measured now, where `bench/peers/setup.sh` was run, else as its
// project publishes it for a larger machine.
import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { z } from "zod";

const rayCallsSchema = z.object({
  version: z.string(),
  oneToOne: z.number(),
  manyToMany: z.number(),
});

/** Calls per second: one caller and one actor, and 16 of each. */
export type RayCalls = z.infer<typeof rayCallsSchema>;

// Release logs of `ray microbenchmark` on one m5.16xlarge: "1:1 actor calls sync", "n:n actor calls
// async".
const published: RayCalls = { version: "as published", oneToOne: 1_950, manyToMany: 27_000 };

const peers = new URL("../peers/", import.meta.url);
const python = fileURLToPath(new URL(".venv/bin/python", peers));

/** Ray's calls on this machine, or the published ones. */
export async function rayCalls(): Promise<RayCalls> {
  const isThere = await access(python).then(
    () => true,
    () => false,
  );
  if (!isThere) return published;
  const script = fileURLToPath(new URL("ray_calls.py", peers));
  const { stdout } = await promisify(execFile)(python, [script]);
  return rayCallsSchema.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
}
