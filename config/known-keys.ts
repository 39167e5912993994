// Which keys a schema knows, for the words of an error.
import type { z } from "zod";
import { snakeCase } from "./case.ts";

type Schema = z.core.$ZodType;
type Shape = Readonly<Record<string, Schema>>;

interface Definition {
  readonly type: string;
  readonly innerType?: Schema;
  /** What a value has to be after it was read in another spelling. */
  readonly out?: Schema;
  readonly options?: readonly Schema[];
  readonly element?: Schema;
  readonly shape?: Shape;
}

/** The shapes that a table at `path` may have: one, or one for each variant of a choice. */
export function shapesAt(schema: Schema, path: readonly PropertyKey[]): readonly Shape[] {
  const def = schema._zod.def as Definition;
  if (def.innerType) return shapesAt(def.innerType, path);
  if (def.out) return shapesAt(def.out, path);
  if (def.options) return def.options.flatMap((option) => shapesAt(option, path));
  const [first, ...rest] = path;
  if (def.element) return first === undefined ? [] : shapesAt(def.element, rest);
  if (!def.shape) return [];
  if (first === undefined) return [def.shape];
  const inner = def.shape[String(first)];
  return inner === undefined ? [] : shapesAt(inner, rest);
}

/** All dotted keys of a schema as they are written; entries of lists are left out. */
export function dottedKeys(schema: Schema, prefix = ""): readonly string[] {
  const keys = new Set<string>();
  for (const shape of shapesAt(schema, [])) {
    for (const [name, inner] of Object.entries(shape)) {
      const key = `${prefix}${snakeCase(name)}`;
      keys.add(key);
      for (const deeper of dottedKeys(inner, `${key}.`)) keys.add(deeper);
    }
  }
  return [...keys];
}

/** Whether a shape is the variant that `type` names. */
export function isVariant(shape: Shape, type: unknown): boolean {
  const def = shape["type"]?._zod.def as { readonly values?: readonly unknown[] } | undefined;
  return def?.values?.includes(type) ?? false;
}
