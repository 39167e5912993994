// Plain tables: columns as wide as their widest cell, two spaces between them.
import { stripVTControlCharacters } from "node:util";

/** How a column stands. */
export type Align = "left" | "right";

/** Lines of a table, the header first. Cells may be coloured. */
export function tableLines(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  align: readonly Align[] = [],
): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => visibleLength(row[column] ?? ""))),
  );
  return all.map((row) =>
    widths
      .map((width, column) => pad(row[column] ?? "", width, align[column] ?? "left"))
      .join("  ")
      .trimEnd(),
  );
}

/** Characters that take up room. */
export function visibleLength(text: string): number {
  return withoutColors(text).length;
}

/** The bare characters. */
export function withoutColors(text: string): string {
  return stripVTControlCharacters(text);
}

function pad(text: string, width: number, align: Align): string {
  const room = " ".repeat(Math.max(0, width - visibleLength(text)));
  return align === "left" ? text + room : room + text;
}
