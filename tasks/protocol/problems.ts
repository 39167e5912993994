// The words that a diagnosis may use.

/** Problem words as the official prompt lists them. */
export const problems = [
  "rotation90",
  "rotation180",
  "dark",
  "overexposure",
  "blur",
  "noise",
  "crop",
  "none",
] as const;

export type Problem = (typeof problems)[number];
