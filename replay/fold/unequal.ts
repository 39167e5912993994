// Where two pieces of event data differ first, in words.

/** Characters of a value that are shown. */
const shownCharsMax = 80;

/**
 * Where `derived` differs from `recorded` first, keys in the order of the recorded data, `observed`
 * left out; null where they are equal to the bit.
 */
export function unequal(recorded: unknown, derived: unknown): string | null {
  return walk("", recorded, derived);
}

function walk(path: string, recorded: unknown, derived: unknown): string | null {
  if (isArray(recorded) && isArray(derived)) return walkArray(path, recorded, derived);
  if (isMap(recorded) && isMap(derived)) return walkMap(path, recorded, derived);
  // 0 and -0 are stored alike; NaN is equal to itself.
  if (recorded === derived || Object.is(recorded, derived)) return null;
  return `${path || "the data"} is recorded as ${shown(recorded)} and comes out as ${shown(derived)}`;
}

/** Keys that earlier versions did not record: where they are absent there is nothing to compare. */
const addedLater: ReadonlySet<string> = new Set(["function"]);

type AnyMap = Readonly<Record<string, unknown>>;

function walkMap(path: string, recorded: AnyMap, derived: AnyMap): string | null {
  for (const key of new Set([...Object.keys(recorded), ...Object.keys(derived)])) {
    if (path === "" && key === "observed") continue;
    if (addedLater.has(key) && recorded[key] === undefined) continue;
    const found = walk(path === "" ? key : `${path}.${key}`, recorded[key], derived[key]);
    if (found !== null) return found;
  }
  return null;
}

function walkArray(path: string, recorded: AnyArray, derived: AnyArray): string | null {
  if (recorded.length !== derived.length) {
    return `${path} has ${recorded.length} entries and comes out with ${derived.length}`;
  }
  for (let index = 0; index < recorded.length; index++) {
    const found = walk(`${path}[${index}]`, recorded[index], derived[index]);
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
