// Goal: the house's rules that no other tool checks. A rule that is broken names the file, the line
// and what to do instead.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("tidy");

const root = fileURLToPath(new URL("../", import.meta.url));
const columnsMax = 100;
const linesMax = 400;

/** Who may import whom (ARCHITECTURE.md, rooms). Tests, benchmarks and scripts may import all. */
const directions: Readonly<Record<string, readonly string[]>> = {
  events: [],
  network: ["events"],
  config: ["events"],
  storage: ["events"],
  runtime: ["events", "storage"],
  model: ["events"],
  tasks: ["events"],
  sandbox: ["events", "network"],
  actors: ["events", "network", "config", "storage", "runtime", "model", "tasks", "sandbox"],
  replay: ["events", "config", "storage", "runtime", "model", "tasks", "sandbox", "actors"],
  cli: ["events", "config", "storage", "runtime", "model", "tasks", "sandbox", "actors", "replay"],
};
const rooms = Object.keys(directions);

interface Banned {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Paths, by their beginning, where it is at home. */
  readonly except: readonly string[];
}

const outside = ["tests/", "bench/", "scripts/"];

/** Words of code, with what to write instead. */
const banned: readonly Banned[] = [
  { pattern: /\bMath\.random\b/, instead: "RandomStream, named by what it is for", except: [] },
  {
    pattern: /\bDate\.now\b|\bnew Date\(\)/,
    instead: "a clock that is passed in",
    except: ["cli/main.ts", ...outside],
  },
  {
    pattern: /\bprocess\.env\b/,
    instead: "an environment that is passed in",
    except: ["cli/main.ts", "model/engine/session.ts", ...outside],
  },
  {
    pattern: /\bprocess\.exit\b/,
    instead: "an error that the command line turns into an exit code",
    except: ["cli/main.ts", "cli/varft.mjs", "runtime/process/leash.ts", ...outside],
  },
  { pattern: /\bconsole\./, instead: "the terminal", except: ["cli/varft.mjs", ...outside] },
  {
    pattern: /\brandomUUID\b|\brandomBytes\b/,
    instead: "ids that follow from what they name",
    except: ["runtime/", "sandbox/runner/runner.ts", "cli/session/", ...outside],
  },
  { pattern: /\bas any\b|: any\b/, instead: "unknown, and a check", except: [] },
  { pattern: /@ts-(?:ignore|expect-error|nocheck)/, instead: "types that are right", except: [] },
  { pattern: /\bbiome-ignore\b/, instead: "code that the rule lets pass", except: [] },
];

/** Refused in every text file. Put together here so that this file does not hold them itself. */
const refused: readonly { readonly pattern: RegExp; readonly reason: string }[] = [
  {
    pattern: new RegExp(`\\b(?:${["FIX", "TO", "XX"].join("|")})(?:ME|DO|X)\\b`),
    reason: "finish it, or open an issue",
  },
  {
    pattern: new RegExp(`(?:^|[^\\w.])/${"work"}/|/${"root"}/|/home/\\w+/|\\.\\./${"shared"}\\b`),
    reason: "names a path of a build machine",
  },
];

/** What is generated, or the text of somebody else. */
const foreign = ["tests/fixtures/", "models/", "package-lock.json", "LICENSE", "node_modules/"];

const textEnding = /\.(?:ts|mjs|json|toml|md|sh|py|txt|yml)$|(?:^|\/)(?:Dockerfile|run|\.\w+)$/;
const codeEnding = /\.(?:ts|mjs)$/;

/**
 * All files of the project: what git tracks or would track; without git, what lies in the folder.
 */
function projectFiles(): readonly string[] {
  try {
    const args = ["ls-files", "--cached", "--others", "--exclude-standard"];
    const listed = execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: "pipe" });
    return listed.split("\n").filter((file) => file !== "" && existsSync(join(root, file)));
  } catch {
    return readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => posix.join(entry.parentPath.slice(root.length), entry.name))
      .filter((file) => !/^(?:node_modules|runs|\.git)\//.test(file));
  }
}

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

const files: readonly SourceFile[] = projectFiles()
  .filter((path) => textEnding.test(path) && !foreign.some((part) => path.startsWith(part)))
  .map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, lines: text.split("\n") };
  });
const code = files.filter(({ path }) => codeEnding.test(path));
const runtimeCode = code.filter(({ path }) => rooms.includes(path.split("/")[0] ?? ""));

/** Fails with all of `faults`, each on its line. */
function none(faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`\n${faults.join("\n")}\n`);
}

function faultyLines(
  sources: readonly SourceFile[],
  faultOf: (line: string, source: SourceFile) => string | null,
): string[] {
  return sources.flatMap((source) =>
    source.lines.flatMap((line, index) => {
      const fault = faultOf(line, source);
      return fault === null ? [] : [`${source.path}:${index + 1}: ${fault}`];
    }),
  );
}

test("there is something to check", () => {
  assert.ok(code.length > 50, `${code.length} files`);
});

test("lines end in no blanks, files in one line break, and nothing hides a control character", () => {
  const hidden = new RegExp(`[${String.fromCharCode(0)}-${String.fromCharCode(8, 11)}-\u001f]`);
  none(
    faultyLines(files, (line, { path }) => {
      if (/[ \t\r]$/.test(line) && !path.endsWith(".md")) return "ends in a blank";
      if (line.includes("\t") && codeEnding.test(path)) return "has a tab: use spaces";
      return hidden.test(line) ? "has a control character" : null;
    }),
  );
  const ends = files.filter(({ text }) => text !== "" && !/[^\n]\n$/.test(text));
  none(ends.map(({ path }) => `${path}: must end in exactly one line break`));
});

/** Literals that the formatter leaves whole, and so do we: also the last line of a template. */
const longLiteral = /(["'`/]).{50,}\1|^[^`]{80,}`/;

test(`no line of code is longer than ${columnsMax} columns`, () => {
  none(
    faultyLines(code, (line) =>
      line.length > columnsMax && !longLiteral.test(line)
        ? `${line.length} columns: break the line`
        : null,
    ),
  );
});

test(`no file of code is longer than ${linesMax} lines`, () => {
  const long = code.filter(({ lines }) => lines.length - 1 > linesMax);
  none(long.map(({ path, lines }) => `${path}: ${lines.length - 1} lines: cut it by its ideas`));
});

test("nothing is left unfinished, and nothing names a build machine", () => {
  none(
    faultyLines(files, (line) => {
      const found = refused.find(({ pattern }) => pattern.test(line));
      return found === undefined ? null : found.reason;
    }),
  );
});

test("words that have a better one are not used", () => {
  none(
    faultyLines(code, (line, { path }) => {
      if (path === "tests/tidy.test.ts" || /^\s*(?:\/\/|\/?\*)/.test(line)) return null;
      const found = banned.find(
        ({ pattern, except }) =>
          pattern.test(line) && !except.some((start) => path.startsWith(start)),
      );
      return found === undefined ? null : `${found.pattern.source}: use ${found.instead}`;
    }),
  );
});

test("every room has an index that lists its names", () => {
  const missing = rooms.filter(
    (room) => room !== "cli" && !existsSync(join(root, room, "index.ts")),
  );
  none(missing.map((room) => `${room}/index.ts is missing`));
  const indexes = code.filter(({ path }) => path.endsWith("/index.ts"));
  none(faultyLines(indexes, (line) => (/export \*/.test(line) ? "list the names by hand" : null)));
});

const importPattern = /(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g;

test("rooms import each other in one direction, and only through the index", () => {
  const faults = runtimeCode.flatMap(({ path, text }) => {
    const room = path.split("/")[0] ?? "";
    return [...text.matchAll(importPattern)].flatMap(([, target = ""]) => {
      const file = posix.join(dirname(path), target);
      const other = file.split("/")[0] ?? "";
      if (other === room) return [];
      if (!directions[room]?.includes(other)) return [`${path}: ${room} must not import ${other}`];
      const index = file === `${other}/index.ts`;
      return index ? [] : [`${path}: import ${other}/index.ts instead of ${file}`];
    });
  });
  none(faults);
});

test("every file of a room opens with what it is for", () => {
  const silent = runtimeCode.filter(({ text, path }) => {
    return !/^(?:#!.*\n)?(?:\/\/|\/\*\*) \S/.test(text) && !path.endsWith("/index.ts");
  });
  none(silent.map(({ path }) => `${path}: begin with a comment that says its role`));
});

test("what npm has locked comes from whatever registry the host uses, and versions are exact", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  none([...lock.matchAll(/"resolved": "(https?:[^"]+)/g)].map(([, address]) => String(address)));
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, "package.json"), "utf8"),
  ) as Readonly<Record<string, Readonly<Record<string, string>>>>;
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  );
  none(loose.map(([name, version]) => `package.json: ${name} ${version} is not one exact version`));
});

test.run();
