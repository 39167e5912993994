// Goal: docs/events.md names every event type and every field, and nothing that is not there.
import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { eventSchemas } from "../../events/index.ts";

const test = suite("events: documented");
const page = await readFile(new URL("../../docs/events.md", import.meta.url), "utf8");

const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [, type = ""] = /^`([^`]+)`/.exec(section) ?? [];
      const fields = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, field = ""]) => field);
      return [type, fields];
    }),
);

test("every type has a section, and every section is a type", () => {
  assert.equal([...sections.keys()].sort(), Object.keys(eventSchemas).sort());
});

test("every field is told, in the order of the schema", () => {
  for (const [type, schema] of Object.entries(eventSchemas)) {
    const fields = Object.keys(schema.shape).filter((field) => field !== "observed");
    assert.equal(sections.get(type), fields, type);
  }
});

test.run();
