#!/usr/bin/env node
// Starts the command line straight from a clone: registers the TypeScript loader, then runs
// `main.ts`.
try {
  const { register } = await import("tsx/esm/api");
  register();
} catch (cause) {
  if (cause?.code !== "ERR_MODULE_NOT_FOUND") throw cause;
  console.error("varft: its npm packages are not installed; run `bash scripts/setup.sh` first.");
  process.exit(1);
}
const { main } = await import("./main.ts");
await main();
