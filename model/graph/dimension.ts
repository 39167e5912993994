// Sizes that are known only when the graph runs. A dimension is a whole number or a polynomial
// over symbols ("batch", "time"), kept in canonical form so that equality is equality of keys.

/** One product: `factor` times the symbols, which are sorted. */
interface Term {
  readonly factor: number;
  readonly symbols: readonly string[];
}

/** A size that is a polynomial over named run-time sizes. `key` is its canonical spelling. */
export interface SymbolicDimension {
  readonly key: string;
  readonly terms: readonly Term[];
}

/** The size of one axis. */
export type Dimension = number | SymbolicDimension;

/** The sizes of all axes. */
export type Shape = readonly Dimension[];

/** The size called `name`, e.g. `dimension("batch")`. */
export function dimension(name: string): Dimension {
  return canonical([{ factor: 1, symbols: [name] }]);
}

/** The sum of sizes. */
export function sumOf(...sizes: readonly Dimension[]): Dimension {
  return canonical(sizes.flatMap(termsOf));
}

/** The product of sizes. */
export function productOf(...sizes: readonly Dimension[]): Dimension {
  let product: readonly Term[] = [{ factor: 1, symbols: [] }];
  for (const size of sizes) {
    product = product.flatMap((left) =>
      termsOf(size).map((right) => ({
        factor: left.factor * right.factor,
        symbols: [...left.symbols, ...right.symbols],
      })),
    );
  }
  return canonical(product);
}

/** Whether two sizes are the same polynomial, hence equal in every run. */
export function sameDimension(a: Dimension, b: Dimension): boolean {
  return dimensionKey(a) === dimensionKey(b);
}

/** Whether two shapes are equal in every run. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => sameDimension(size, b[axis] ?? -1));
}

/** How a size is written in messages and interning keys. */
export function dimensionKey(size: Dimension): string {
  return typeof size === "number" ? String(size) : size.key;
}

/** How a shape is written in messages and interning keys. */
export function shapeKey(shape: Shape): string {
  return `[${shape.map(dimensionKey).join(", ")}]`;
}

/** The terms of a size; a number is one term without symbols. */
export function termsOf(size: Dimension): readonly Term[] {
  return typeof size === "number" ? [{ factor: size, symbols: [] }] : size.terms;
}

function canonical(terms: readonly Term[]): Dimension {
  const merged = new Map<string, Term>();
  for (const term of terms) {
    const symbols = term.symbols.toSorted();
    const name = symbols.join("*");
    merged.set(name, { factor: term.factor + (merged.get(name)?.factor ?? 0), symbols });
  }
  const sorted = [...merged].filter(([, term]) => term.factor !== 0).sort(byName);
  if (sorted.length === 0) return 0;
  const [first] = sorted;
  if (sorted.length === 1 && first?.[0] === "") return first[1].factor;
  const key = sorted.map(([name, term]) => spelling(name, term.factor)).join("+");
  return { key, terms: sorted.map(([, term]) => term) };
}

function byName([a]: readonly [string, Term], [b]: readonly [string, Term]): number {
  return a < b ? -1 : 1;
}

function spelling(name: string, factor: number): string {
  if (name === "") return String(factor);
  return factor === 1 ? name : `${factor}*${name}`;
}
