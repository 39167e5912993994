// Removes every second blob and makes the files smaller, again and again, until it is killed.
import type { HashName } from "../../events/index.ts";
import { openUpkeep } from "../../storage/index.ts";

const [directory = "", ...names] = process.argv.slice(2) as [string, ...HashName[]];
for (let round = 0; ; round++) {
  const upkeep = await openUpkeep(directory, { clock: Date.now });
  process.stdout.write(`open ${round}\n`);
  await upkeep.removeBlobs(names);
  process.stdout.write(`removed ${round}\n`);
  await upkeep.compact();
  process.stdout.write(`compact ${round}\n`);
  await upkeep.close();
}
