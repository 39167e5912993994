// The unsafe local sandbox under the contract, with the sandbox image's own interpreter unpacked
// into a temporary folder: equal libraries, no container.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import Docker from "dockerode";
import { openUnsafeLocalSandbox, type Sandbox, sandboxImageTag } from "../../sandbox/index.ts";
import { sandboxContract } from "./contract.ts";

async function unpackImage(folder: string): Promise<void> {
  const container = await new Docker().createContainer({ Image: await sandboxImageTag() });
  try {
    const tar = spawn("tar", ["-x", "-C", folder, "--exclude=dev/*"], {
      stdio: ["pipe", "ignore", "inherit"],
    });
    const ended = new Promise((resolve) => tar.once("close", resolve));
    await pipeline(await container.export(), tar.stdin);
    await ended;
  } finally {
    await container.remove({ force: true });
  }
}

async function openLocal(): Promise<Sandbox> {
  const root = mkdtempSync(join(tmpdir(), "varft-rootfs-"));
  process.once("exit", () => rmSync(root, { recursive: true, force: true }));
  await unpackImage(root);
  const triplet = `${process.arch === "x64" ? "x86_64" : "aarch64"}-linux-gnu`;
  const loader =
    process.arch === "x64" ? "lib64/ld-linux-x86-64.so.2" : "lib/ld-linux-aarch64.so.1";
  const python = join(root, "usr/bin/python3");
  return openUnsafeLocalSandbox({
    python: [join(root, loader), "--library-path", join(root, "usr/lib", triplet), python],
    environment: {
      PYTHONHOME: join(root, "usr"),
      PYTHONPATH: join(root, "usr/lib/python3/dist-packages"),
    },
  });
}

sandboxContract("local processes", openLocal);
