// What the sandbox is asked and what it answers. Causes are a closed list: rewards, events and the
// text for the model are keyed by them.

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Bounds of one execution. The container's own bounds are in `docker/container.ts`. */
export interface Limits {
  /** Wall-clock time of the program; its CPU time is bounded by the same, rounded up to seconds. */
  readonly wallMsMax: number;
  /** Address space that the program may add to the warm interpreter's. */
  readonly memoryBytesMax: number;
  /** Any one file that the program writes. */
  readonly fileBytesMax: number;
  /** What is kept of standard output, and of standard error. */
  readonly textBytesMax: number;
  /** The input image, and the output image as the program wrote it. */
  readonly imageBytesMax: number;
  /** Width times height of the output image. */
  readonly imagePixelsMax: number;
}

export const defaultLimits: Limits = {
  wallMsMax: 5_000,
  memoryBytesMax: 384 * mebibyte,
  fileBytesMax: 16 * mebibyte,
  textBytesMax: 16 * kibibyte,
  imageBytesMax: 8 * mebibyte,
  imagePixelsMax: 4096 * 4096,
};

/** Longer side of an output image over the shorter; Qwen2.5-VL's smart_resize refuses more. */
export const aspectRatioMax = 200;

/** The program's source, in bytes of UTF-8. */
export const programBytesMax = 256 * kibibyte;

/**
 * How an execution ended.
 * - `error`: an uncaught exception or an exit code other than 0. `killed`: a signal, such as a
 *   crash inside native code. Neither ever stands for a lost container or engine.
 * - `timeout`, `out-of-memory`: also of a program that kept its runner from answering, or took it
 *   along, twice (`runner/blame.ts`).
 * - `no-image`, `bad-image`: the program ended well, but wrote no image, or none that decodes.
 * - `output-too-large`: text, image bytes or image pixels beyond their limit.
 */
export const executionCauses = [
  "ok",
  "error",
  "syntax-error",
  "timeout",
  "out-of-memory",
  "output-too-large",
  "no-image",
  "bad-image",
  "killed",
] as const;

export type ExecutionCause = (typeof executionCauses)[number];

/**
 * What is new for an execution. `fork`: a process, forked from a warm runner whose container serves
 * call after call. `container`: the whole container, warmed before and ended after this one call.
 */
export const isolationLevels = ["fork", "container"] as const;
export type IsolationLevel = (typeof isolationLevels)[number];

/** What a pool is doing. */
export interface PoolState {
  readonly level: IsolationLevel;
  /** Containers at most, those alive, and of these the ones without a call. */
  readonly size: number;
  readonly alive: number;
  readonly idle: number;
  /** Containers that are being started, and of these the ones that wait after losses. */
  readonly opening: number;
  readonly backingOff: number;
  /** Calls that wait for a container. */
  readonly waiting: number;
  /** Since the pool was opened. */
  readonly opened: number;
  readonly lost: number;
  readonly executions: number;
}

/** A change in the life of a pool. There are few of them, however many executions there are. */
export type PoolNotice =
  | {
      readonly kind: "resized";
      readonly from: number;
      readonly to: number;
      /** A call found no container free; or none came for a long time. */
      readonly cause: "calls" | "quiet";
    }
  | {
      readonly kind: "lost";
      readonly container: string;
      readonly cause: string;
      readonly during: "start" | "call" | "rest" | "cleaning";
    }
  | { readonly kind: "replaced"; readonly container: string; readonly waitMs: number }
  | {
      readonly kind: "drained";
      readonly opened: number;
      readonly lost: number;
      readonly executions: number;
    };

export interface ExecutionRequest {
  /** A complete Python program. */
  readonly program: string;
  /** PNG or JPEG bytes that the program finds as `path_to_input_image.jpg`. */
  readonly image: Uint8Array;
  readonly limits?: Partial<Limits>;
}

export interface ExecutionResult {
  readonly cause: ExecutionCause;
  /** Bounded; a cut is marked at the end. */
  readonly stdout: string;
  readonly stderr: string;
  /**
   * The output image re-encoded as 8-bit grey or RGB PNG (equal pixels, equal bytes); null unless
   * `ok`.
   */
  readonly image: Uint8Array | null;
  /** Merely observed, never part of a result that replays compare. */
  readonly observed: {
    /** Null when the program was ended by a signal. */
    readonly exitCode: number | null;
    readonly wallMs: number;
    readonly cpuMs: number;
    readonly memoryPeakBytes: number;
    readonly container: string;
    readonly level: IsolationLevel;
    /** 1, and one more for each container or engine that was lost under this call. */
    readonly attempts: number;
  };
}

/** Runs untrusted programs. Several calls may be under way; each has a world of its own. */
export interface Sandbox {
  /** `sha256:` name of what programs run on; part of a run's numeric class. */
  readonly digest: string;
  execute(request: ExecutionRequest, signal?: AbortSignal): Promise<ExecutionResult>;
  /** Ends everything, calls under way included. */
  close(): Promise<void>;
}
