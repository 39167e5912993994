// A promise that somebody else resolves.

export interface Signalled {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** A promise and what resolves it. */
export function signalled(): Signalled {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
