// What every benchmark gives: figures beside their reference, and what the design wants of them.

/** One measured figure. */
export interface BenchRow {
  readonly value: number;
  readonly unit: string;
  /** The same quantity of what it is compared with, in the same unit. */
  readonly reference: number | null;
  /** `value` over `reference`. */
  readonly ratio: number | null;
  /** What the reference is, in words. */
  readonly against: string | null;
  /** What the figure should be. */
  readonly reach: Reach | null;
}

/** A bound on a figure or on its ratio. */
export interface Reach {
  readonly of: "value" | "ratio";
  readonly min?: number;
  readonly max?: number;
}

/** What a benchmark can be told. */
export interface BenchOptions {
  /** Folder of a checkpoint. */
  readonly model?: string;
  /** One case of a benchmark that is made of cases. */
  readonly case?: string;
  /** How much is measured, in the benchmark's own unit: a test wants less than a person. */
  readonly size?: number;
  /** The folder of the run directories. */
  readonly runs?: string;
  /** Ends it early. */
  readonly signal?: AbortSignal;
  /** Says how far it has come. */
  readonly tell?: (line: string) => void;
}

export type BenchRows = Readonly<Record<string, BenchRow>>;

interface RowOptions {
  readonly reference?: number;
  readonly against?: string;
  readonly reach?: Reach;
}

/** A row; its ratio follows. */
export function row(value: number, unit: string, options: RowOptions = {}): BenchRow {
  const { reference = null, against = null, reach = null } = options;
  const ratio = reference === null ? null : rounded(value / reference);
  return {
    value: rounded(value),
    unit,
    reference: reference === null ? null : rounded(reference),
    ratio,
    against,
    reach,
  };
}

const digitsKept = 4;

function rounded(value: number): number {
  return Number(value.toPrecision(digitsKept));
}

/** The value below which the share `part` of sorted values lies. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
