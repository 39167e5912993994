export { attemptsMax, RunnerPool } from "./pool.ts";
export { Runner, type RunnerTransport } from "./runner.ts";
