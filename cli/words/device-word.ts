// `--device` among the words of a command.
import { DeviceNameError, parseDevice } from "../../events/index.ts";
import type { Words } from "../command.ts";
import { UsageError } from "../errors.ts";

/** The flag, with what it is for. */
export function deviceArg(description: string) {
  return { type: "string", valueHint: "DEVICE", description } as const;
}

/** The device's name, if one is given. @throws {UsageError} */
export function deviceWord(words: Words): string | undefined {
  const name = words.text("device");
  if (name === undefined) return undefined;
  try {
    parseDevice(name);
    return name;
  } catch (thrown) {
    if (!(thrown instanceof DeviceNameError)) throw thrown;
    throw new UsageError(`--device: ${thrown.message}`, { cause: thrown });
  }
}
