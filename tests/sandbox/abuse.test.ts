// Hostile programs against the host's engine, at both levels.
import Docker from "dockerode";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { isolationLevels } from "../../sandbox/index.ts";
import { attackClasses } from "./abuse/classes.ts";
import { escapes } from "./abuse/escapes.ts";
import { outputs } from "./abuse/outputs.ts";
import { resources } from "./abuse/resources.ts";
import { abuseSuite } from "./abuse/suite.ts";

const abuses = [...resources, ...escapes, ...outputs];
const classes = suite("abuse: kinds of attack");

classes("each is tried by a program, and every program has a name of its own", () => {
  const names = abuses.map(({ what }) => what);
  assert.is(new Set(names).size, names.length);
  for (const [kind, tried] of Object.entries(attackClasses)) {
    assert.ok(tried.length > 0, kind);
    for (const name of tried) assert.ok(names.includes(name), `${kind}: ${name}`);
  }
});

classes.run();

for (const level of isolationLevels) {
  abuseSuite({
    name: `docker at level ${level}`,
    abuses,
    engine: async () => ({ docker: new Docker(), options: { level } }),
  });
}
