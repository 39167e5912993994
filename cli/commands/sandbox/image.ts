// `varft sandbox image`: what programs run on, package by package.
import { imageFacts, sandboxImageTag } from "../../../sandbox/index.ts";
import type { Command } from "../../command.ts";
import { engineSocket } from "../../environment.ts";
import { byteSize, tableLines } from "../../text/index.ts";

export const showImage: Command = {
  name: "image",
  about: "Show the sandbox image: digest, size, packages with their versions",
  args: {
    package: {
      type: "string",
      valueHint: "NAME",
      description: "A Debian package that the image was built with; may be repeated",
    },
    materials: { type: "boolean", description: "Its bill of materials instead (CycloneDX)" },
  },
  examples: ["varft sandbox image --materials > sbom.json"],
  async run(words, { terminal, json, env }) {
    const added = words.list("package");
    const tag = await sandboxImageTag(added);
    const facts = await imageFacts(tag, { packages: added, ...engineSocket(env) });
    const { digest, bytes, materials, materialsHash, packages } = facts;
    if (words.flag("materials")) terminal.out(`${materials}\n`);
    else if (json)
      terminal.out(`${JSON.stringify({ tag, digest, bytes, materialsHash, packages })}\n`);
    else {
      const rows = packages.map(({ name, version }) => [name, version]);
      terminal.out(`${tag}, ${byteSize(bytes)}\n${digest}\n\n`);
      terminal.out(`${tableLines(["package", "version"], rows).join("\n")}\n`);
    }
    return 0;
  },
};
