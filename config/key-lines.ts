// On which line of a TOML file each key stands. The parser gives values without places, so the text
// is walked a second time; it is known to be well formed by then.

const header = /^\s*(\[{1,2})\s*([^\]]+?)\s*\]{1,2}\s*(?:#.*)?$/;
const assignment = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/;
const inlineKey = /[{,]\s*([\w-]+)\s*=/g;

/**
 * Dotted key → line, from 1. Entries of arrays of tables are numbered: `evaluation.sets.0.name`.
 */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const arrayEntries = new Map<string, number>();
  const note = (key: string, line: number) => {
    if (!lines.has(key)) lines.set(key, line);
  };
  let table = "";
  let open = ""; // the multi-line string that the walk is in, by its quotes
  for (const [index, source] of text.split("\n").entries()) {
    const line = index + 1;
    if (open !== "") {
      if (source.includes(open)) open = "";
      continue;
    }
    const head = header.exec(source);
    if (head !== null) {
      table = nameOf(head[2] ?? "", head[1] === "[[", arrayEntries);
      note(table, line);
      continue;
    }
    const key = assignment.exec(source)?.[1];
    if (key !== undefined) {
      const name = join(table, clean(key));
      note(name, line);
      for (const match of source.matchAll(inlineKey)) note(join(name, match[1] ?? ""), line);
    }
    open = unclosed(source);
  }
  return lines;
}

/** The line of `key`, or of the nearest key around it that the file holds; null if none. */
export function lineOf(lines: ReadonlyMap<string, number>, key: string): number | null {
  const parts = key.split(".");
  for (let length = parts.length; length > 0; length--) {
    const line = lines.get(parts.slice(0, length).join("."));
    if (line !== undefined) return line;
  }
  return null;
}

function nameOf(written: string, entry: boolean, arrayEntries: Map<string, number>): string {
  const parts = clean(written).split(".");
  // A table inside the latest entry of an array is named by that entry's number.
  let name = "";
  for (const [depth, part] of parts.entries()) {
    name = join(name, part);
    const last = depth === parts.length - 1;
    if (last && entry) arrayEntries.set(name, (arrayEntries.get(name) ?? -1) + 1);
    const number = arrayEntries.get(name);
    if (number !== undefined) name = `${name}.${number}`;
  }
  return name;
}

function clean(key: string): string {
  return key
    .split(".")
    .map((part) => part.trim().replaceAll(/^["']|["']$/g, ""))
    .join(".");
}

function join(table: string, key: string): string {
  return table === "" ? key : `${table}.${key}`;
}

function unclosed(source: string): string {
  for (const quotes of ['"""', "'''"]) {
    if (source.split(quotes).length % 2 === 0) return quotes;
  }
  return "";
}
