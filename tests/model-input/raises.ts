// Asserts on errors of the world: class, code and what the message names.
import * as assert from "uvu/assert";
import { ensureError, type VarftError } from "../../events/index.ts";

interface Expected {
  readonly type: new (...args: never[]) => VarftError;
  readonly code: string;
  /** Texts that the message holds: the file, the key, the limit. */
  readonly names?: readonly string[];
}

export async function raises(run: () => unknown, expected: Expected): Promise<void> {
  const error = await attempt(run);
  assert.instance(error, expected.type, `${error}`);
  assert.is((error as VarftError).code, expected.code);
  for (const name of expected.names ?? []) {
    assert.ok(error.message.includes(name), `"${error.message}" does not name ${name}`);
  }
}

async function attempt(run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    return ensureError(error);
  }
  return assert.unreachable("no error was raised") ?? new Error();
}
