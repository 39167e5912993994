// The files of an adapter on the disk, on their way into a bundle and out of one.
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { HashName } from "../../events/index.ts";
import { type AdapterFile, adapterFileNames, blobPieceBytes } from "./grammar.ts";

/** The files of the adapter in `directory`, in the order of a bundle. */
export async function adapterFilesIn(directory: string): Promise<readonly AdapterFile[]> {
  const files: AdapterFile[] = [];
  for (const file of adapterFileNames) {
    const sum = createHash("sha256");
    let bytes = 0;
    for await (const piece of piecesOfFile(join(directory, file))) {
      sum.update(piece);
      bytes += piece.length;
    }
    const sha256: HashName = `sha256:${sum.digest("hex")}`;
    files.push({ file, sha256, bytes });
  }
  return files;
}

/** The bytes of a file, as large as the pieces of a bundle are. */
export async function* piecesOfFile(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, "r");
  try {
    for (;;) {
      const piece = Buffer.alloc(blobPieceBytes);
      const { bytesRead } = await file.read(piece, 0, piece.length);
      if (bytesRead === 0) return;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/** Writes the files of an adapter into an empty folder, as their pieces come. */
export class AdapterWriter {
  readonly files: AdapterFile[] = [];
  readonly #directory: string;
  #open: FileHandle | null = null;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async begin(file: AdapterFile): Promise<void> {
    await this.close();
    this.files.push(file);
    // The name is one of ours.
    this.#open = await open(join(this.#directory, file.file), "wx");
  }

  async add(piece: Buffer): Promise<void> {
    await this.#open?.writeFile(piece);
  }

  async close(): Promise<void> {
    await this.#open?.close();
    this.#open = null;
  }
}
