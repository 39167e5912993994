// Wraps comments at 100 columns, which Biome leaves as they are. A line that is too long hands its
// last words to the next line of the same paragraph. Part of `npm run fix`.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const columnsMax = 100;
// Indentation, comment mark, blanks, the mark of a list entry, text.
const commentLine = /^(\s*)(\/\/|\*)( +)((?:\d+\.|-|[A-Z]\d\.) +)?(.*)$/;
const oneLineBlock = /^(\s*)\/\*\* (.*) \*\/$/;

function wrap(lines: readonly string[]): string[] {
  const rest = [...lines];
  for (let index = 0; index < rest.length; index++) {
    const line = rest[index] ?? "";
    if (line.length <= columnsMax) continue;
    const block = oneLineBlock.exec(line);
    if (block !== null) {
      const [, indent = "", text = ""] = block;
      rest.splice(index, 1, `${indent}/**`, `${indent} * ${text}`, `${indent} */`);
      continue;
    }
    const parts = commentLine.exec(line);
    const cut = line.lastIndexOf(" ", columnsMax);
    if (parts === null || cut <= 0) continue;
    const [, indent = "", mark = "", blanks = "", entry = ""] = parts;
    const prefix = indent + mark + blanks + " ".repeat(entry.length);
    rest[index] = line.slice(0, cut).trimEnd();
    const tail = line.slice(cut + 1);
    const next = rest[index + 1] ?? "";
    if (continues(next, prefix)) rest[index + 1] = `${prefix}${tail} ${next.slice(prefix.length)}`;
    else rest.splice(index + 1, 0, prefix + tail);
  }
  return rest;
}

/** Whether a line goes on with the paragraph whose further lines begin with `prefix`. */
function continues(line: string, prefix: string): boolean {
  const parts = commentLine.exec(line);
  if (parts === null) return false;
  const [, indent = "", mark = "", blanks = "", entry, text = ""] = parts;
  return indent + mark + blanks === prefix && entry === undefined && /^[^@`]/.test(text);
}

const args = ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts", "*.mjs"];
for (const file of execFileSync("git", args, { encoding: "utf8" }).split("\n")) {
  if (file === "" || !existsSync(file)) continue;
  const text = readFileSync(file, "utf8");
  const wrapped = wrap(text.split("\n")).join("\n");
  if (wrapped === text) continue;
  writeFileSync(file, wrapped);
  console.log(`wrapped ${file}`);
}
