// What ToolExecutor asks of the sandbox room. Its `Sandbox` satisfies this.

export interface ProgramResult {
  /** `ok`, or why the program gave no image. */
  readonly cause: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly image: Uint8Array | null;
  readonly observed: Readonly<Record<string, unknown>>;
}

/** Runs programs. A lost engine is a retryable error, never a result. */
export interface ProgramRunner {
  /** What programs run on. */
  readonly digest: string;
  execute(
    request: { readonly program: string; readonly image: Uint8Array },
    signal?: AbortSignal,
  ): Promise<ProgramResult>;
}

/** Answers queries with the environment's words for the hits. A failing engine is an error. */
export interface SearchEngine {
  query(
    query: string,
    signal?: AbortSignal,
  ): Promise<{ readonly text: string; readonly observed: Readonly<Record<string, unknown>> }>;
}
