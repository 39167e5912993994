#!/usr/bin/env node
// Starts the command line straight from a clone: registers the TypeScript loader, then runs
// `main.ts`.
try {
  const [modules, scripts] = await Promise.all([import("tsx/esm/api"), import("tsx/cjs/api")]);
  modules.register();
  // A person's own module may lie where no package.json says that files are modules.
  scripts.register();
} catch (cause) {
  if (cause?.code !== "ERR_MODULE_NOT_FOUND") throw cause;
  console.error("varft: its npm packages are not installed; run `bash scripts/setup.sh` first.");
  process.exit(1);
}
const { main } = await import("./main.ts");
await main();
