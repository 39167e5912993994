// What a pool tells of its life: few words, however many executions there are.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PoolNotice } from "../../sandbox/index.ts";
import { PoolLife } from "../../sandbox/runner/pool-life.ts";

const test = suite("pool life");

function told(live: (life: PoolLife) => void): readonly PoolNotice[] {
  const notices: PoolNotice[] = [];
  live(new PoolLife((notice) => notices.push(notice)));
  return notices;
}

test("growth is told once, however often containers are renewed", () => {
  const notices = told((life) => {
    for (const alive of [1, 2, 2, 1, 2]) life.opened("c", 0, alive);
  });
  assert.equal(notices, [
    { kind: "resized", from: 0, to: 1, cause: "calls" },
    { kind: "resized", from: 1, to: 2, cause: "calls" },
  ]);
});

test("a loss and what makes up for it are told, and the size is as it was", () => {
  const notices = told((life) => {
    life.opened("a", 0, 1);
    life.lost("a", "call", "its output ended");
    life.opened("b", 100, 1);
    life.opened("b", 0, 1);
  });
  assert.equal(notices.slice(1), [
    { kind: "lost", container: "a", during: "call", cause: "its output ended" },
    { kind: "replaced", container: "b", waitMs: 100 },
  ]);
});

test("what never started is not replaced; shrinking and growing again are told", () => {
  const notices = told((life) => {
    life.lost("", "start", "no engine");
    life.opened("a", 50, 1);
    life.opened("b", 0, 2);
    life.resized(1, "quiet");
    life.resized(1, "quiet");
    life.opened("c", 0, 2);
  });
  const kinds = notices.map((notice) =>
    notice.kind === "resized" ? `${notice.from} to ${notice.to}` : notice.kind,
  );
  assert.equal(kinds, ["lost", "0 to 1", "1 to 2", "2 to 1", "1 to 2"]);
});

test.run();
