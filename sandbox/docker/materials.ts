// What the sandbox image is made of: its digest, its size, and the bill of materials that its build
// leaves in it (CycloneDX 1.5).
import { z } from "zod";
import { hashName } from "../../events/index.ts";
import { SandboxRequestError } from "../errors.ts";
import {
  type EngineOptions,
  engineCall,
  imageDigest,
  openEngine,
  removeContainer,
} from "./engine.ts";

const materialsPath = "/opt/varft/sbom.json";
const materialsBytesMax = 1024 * 1024;
const tarBlockBytes = 512;

const materialsSchema = z.looseObject({
  bomFormat: z.literal("CycloneDX"),
  components: z.array(z.looseObject({ name: z.string(), version: z.string() })),
});

interface ImagePackage {
  readonly name: string;
  readonly version: string;
}

export interface ImageFacts {
  readonly tag: string;
  /** What a run records as the sandbox of its numeric class. */
  readonly digest: string;
  readonly bytes: number;
  /** The bill of materials as it stands in the image, and its hash. */
  readonly materials: string;
  readonly materialsHash: string;
  readonly packages: readonly ImagePackage[];
}

/**
 * Reads them from the engine; nothing of the image is run.
 * @throws EngineUnreachableError, SandboxImageMissingError
 */
export async function imageFacts(
  tag: string,
  { packages: added = [], ...where }: EngineOptions & { packages?: readonly string[] } = {},
): Promise<ImageFacts> {
  const engine = openEngine(where);
  const digest = await imageDigest(engine, tag, added);
  const { Size: bytes } = await engineCall(engine, (docker) => docker.getImage(tag).inspect());
  const container = await engineCall(engine, (docker) => docker.createContainer({ Image: tag }));
  try {
    const stream = await engineCall(engine, () => container.getArchive({ path: materialsPath }));
    const materials = fileOf(await collect(stream)).toString("utf8");
    const { components } = materialsSchema.parse(JSON.parse(materials));
    const packages = components.map(({ name, version }) => ({ name, version }));
    const materialsHash = hashName(Buffer.from(materials));
    return { tag, digest, bytes, materials, materialsHash, packages };
  } finally {
    await removeContainer(engine, container.id);
  }
}

async function collect(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    parts.push(Buffer.from(part as Uint8Array));
    bytes += part.length;
    if (bytes > materialsBytesMax) throw new SandboxRequestError("a bill of materials too long");
  }
  return Buffer.concat(parts);
}

/** The only file of a tar: its size stands in the header as octal digits. */
function fileOf(tar: Buffer): Buffer {
  const size = Number.parseInt(tar.subarray(124, 135).toString("latin1"), 8);
  return tar.subarray(tarBlockBytes, tarBlockBytes + size);
}
