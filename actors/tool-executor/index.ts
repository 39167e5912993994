// The tool executor: python programs and searches.
export type { ToolExecutorOptions } from "./executor.ts";
export { answersRememberedMax, bounded, ToolExecutor, toolTextCharsMax } from "./executor.ts";
export type { ProgramResult, ProgramRunner, SearchEngine } from "./ports.ts";
export type { SearchBackEnd } from "./search-engine.ts";
export { searchEngine } from "./search-engine.ts";
