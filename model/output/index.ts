// What goes out of varft, and comes in from others: adapters as PEFT folders, whole checkpoints.
export { AdapterError, OutputError } from "./errors.ts";
export { mergeAdapter } from "./merge.ts";
export { type Adapter, type AdapterPolicy, adapterPolicy, openAdapter } from "./read-adapter.ts";
export { type Rewrite, rewriteCheckpoint } from "./rewrite-checkpoint.ts";
export { writeAdapter } from "./write-adapter.ts";
