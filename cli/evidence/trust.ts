// What a person brings from elsewhere to prove whose run it is: `--key`, `--checkpoint`.
import { readFile } from "node:fs/promises";
import type { ArgsDef } from "citty";
import { ensureError, VarftError } from "../../events/index.ts";
import { cutNotes, parseVerifierKey } from "../../storage/index.ts";
import type { Words } from "../command.ts";
import { UsageError } from "../errors.ts";

/** The flags. */
export const trustArgs = {
  strict: { type: "boolean", description: "Fail where the origin is not proven" },
  key: {
    type: "string",
    valueHint: "PUBKEY",
    description: "A public key that was kept elsewhere",
  },
  checkpoint: {
    type: "string",
    valueHint: "FILE",
    description: "A checkpoint that was kept elsewhere",
  },
} as const satisfies ArgsDef;

/** What was brought, as an audit takes it. */
export interface Trust {
  readonly trustedKey: string | null;
  readonly trustedNotes: string | null;
}

/** @throws {UsageError} where it is none */
export async function trustOf(words: Words): Promise<Trust> {
  const trustedKey = words.text("key") ?? null;
  const file = words.text("checkpoint");
  if (trustedKey !== null) usable("--key", () => parseVerifierKey(trustedKey));
  if (file === undefined) return { trustedKey, trustedNotes: null };
  const trustedNotes = await readFile(file, "utf8").catch((cause: unknown) => {
    const reason = ensureError(cause).message;
    throw new UsageError(`the checkpoint ${file} cannot be read: ${reason}`, { cause });
  });
  if (cutNotes(trustedNotes).notes.length === 0) {
    throw new UsageError(
      `--checkpoint ${file}: holds no signed note; varft audit RUN --print-checkpoint makes one`,
    );
  }
  return { trustedKey, trustedNotes };
}

function usable(flag: string, action: () => unknown): void {
  try {
    action();
  } catch (cause) {
    if (!(cause instanceof VarftError)) throw cause;
    throw new UsageError(`${flag}: ${cause.message}; the file signing-key.pub holds one`, {
      cause,
    });
  }
}
