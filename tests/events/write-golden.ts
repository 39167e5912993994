// Makes the golden bytes that are missing. Those that are there stay: they are what ledgers hold.
import { encodeEnvelope } from "../../events/index.ts";
import { readGolden, writeGolden } from "./golden-files.ts";
import { goldenEvent, placedSamples } from "./golden-samples.ts";

for (const { name, type, v, data } of placedSamples()) {
  if ((await readGolden(name)) !== null) continue;
  await writeGolden(name, encodeEnvelope(goldenEvent(type, v, data)));
  console.log(`wrote the golden bytes ${name}`);
}
