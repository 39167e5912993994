// Where two pieces of event data differ first.

/** Characters of a value that are shown. */
const shownCharsMax = 80;

/** A place in the data, and what stands there on both sides. */
export interface Unequal {
  /** `rewards[3]`, `summary.em`; empty: the data as a whole. */
  readonly path: string;
  readonly a: string;
  readonly b: string;
}

/**
 * How `derived` differs from `recorded`, in words; null where they are equal to the bit. Keys come
 * in the order of the recorded data, `observed` is left out.
 */
export function unequal(recorded: unknown, derived: unknown): string | null {
  const found = firstUnequal(recorded, derived);
  if (found === null) return null;
  const { path, a, b } = found;
  return `${path || "the data"} is recorded as ${a} and comes out as ${b}`;
}

/** Where `a` and `b` differ first; null where they do not. */
export function firstUnequal(a: unknown, b: unknown): Unequal | null {
  return walk("", a, b);
}

function walk(path: string, a: unknown, b: unknown): Unequal | null {
  if (isArray(a) && isArray(b)) return walkArray(path, a, b);
  if (isMap(a) && isMap(b)) return walkMap(path, a, b);
  // 0 and -0 are stored alike; NaN is equal to itself.
  return a === b || Object.is(a, b) ? null : { path, a: shown(a), b: shown(b) };
}

type AnyMap = Readonly<Record<string, unknown>>;

function walkMap(path: string, a: AnyMap, b: AnyMap): Unequal | null {
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (path === "" && key === "observed") continue;
    const found = walk(path === "" ? key : `${path}.${key}`, a[key], b[key]);
    if (found !== null) return found;
  }
  return null;
}

function walkArray(path: string, a: AnyArray, b: AnyArray): Unequal | null {
  if (a.length !== b.length) return { path, a: `${a.length} entries`, b: `${b.length} entries` };
  for (let index = 0; index < a.length; index++) {
    const found = walk(`${path}[${index}]`, a[index], b[index]);
    if (found !== null) return found;
  }
  return null;
}

type AnyArray = readonly unknown[] | Float32Array | Int32Array;

function isArray(value: unknown): value is AnyArray {
  return Array.isArray(value) || value instanceof Float32Array || value instanceof Int32Array;
}

function isMap(value: unknown): value is AnyMap {
  return value !== null && typeof value === "object";
}

function shown(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text;
}
