// What schemas of events are made of.
import { z } from "zod";
import { isHashName } from "./hash.ts";

/** The name of a blob. */
export const hash = z.custom<`sha256:${string}`>(
  (value) => typeof value === "string" && isHashName(value),
);

export const count = z.int().nonnegative();
