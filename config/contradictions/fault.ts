// A contradiction: the path of the key, and what is wrong with it beside the others.
export type Fault = readonly [path: readonly (string | number)[], message: string];
