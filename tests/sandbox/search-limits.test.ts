// Goal: a server is asked no more at once, no faster and no more often than it may be.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { TerminalError } from "../../events/index.ts";
import { QueryBudget, SearchBudgetError, SearchStoreError } from "../../sandbox/index.ts";
import { TokenBucket } from "../../sandbox/search/remote/rate.ts";
import { type Fault, TestSearchServer } from "./search-server.ts";
import { access, rejection, searchOf, TestClock, within } from "./search-world.ts";

const test = suite<{ folder: string }>("limits of search at a server");
test.before((context) => {
  context.folder = mkdtempSync(join(tmpdir(), "varft-search-"));
});
test.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

test("requests at once are bounded, and all are answered", async () => {
  await within(
    "retriever",
    async ({ server, search }) => {
      const answers = await Promise.all(
        Array.from({ length: 9 }, (_, index) => search.query(`Lyon ${index}`, 1)),
      );
      assert.is(answers.length, 9);
      assert.is(server.requests.length, 9);
    },
    { requestsMax: 2 },
  );
});

test("the bucket gives tokens at its rate, in order, and none while a server wants rest", async () => {
  const clock = new TestClock();
  const bucket = new TokenBucket(4, clock);
  const { signal } = new AbortController();
  const taken: number[] = [];
  const take = async () => {
    await bucket.take(signal);
    taken.push(clock.now());
  };
  for (let index = 0; index < 3; index++) await take();
  assert.equal(taken, [0, 250, 500]);
  bucket.hold(2_000);
  await take();
  await clock.sleep(10_000, signal);
  // Tokens are not saved up.
  await take();
  await take();
  assert.equal(taken.slice(3), [2_500, 12_500, 12_750]);
});

test("the budget is spent by what may have been paid for, and by nothing else", async ({
  folder,
}) => {
  const path = join(folder, "spent");
  const budget = await QueryBudget.open(path, 6);
  await within(
    "serper",
    async ({ server, search }) => {
      const faultsInTurn: readonly (Fault | null)[] = [
        { kind: "status", status: 429 },
        null,
        { kind: "cut" },
        { kind: "hang-up" },
        { kind: "status", status: 500 },
        null,
      ];
      server.fault = (number) => faultsInTurn[number - 1] ?? null;
      await search.query("one", 1);
      assert.is(budget.spent, 1);
      await search.query("two", 1);
      assert.is(budget.spent, 4);
      await search.query("", 1);
      await Promise.all([search.query("three", 1), search.query("four", 1)]);
      assert.equal([budget.spent, readFileSync(path, "utf8")], [6, "6\n"]);
      const asked = server.requests.length;
      const thrown = await rejection(search.query("five", 1));
      assert.instance(thrown, SearchBudgetError);
      assert.instance(thrown, TerminalError);
      assert.match(thrown.message, "asked 6 queries, all that it may; raise queriesMax of search");
      assert.is(server.requests.length, asked);
    },
    { budget, attemptsMax: 4 },
  );
  // A run that goes on knows what was spent, and may be granted more.
  assert.instance(await rejection((await QueryBudget.open(path, 6)).take()), SearchBudgetError);
  const more = await QueryBudget.open(path, 7);
  await more.take();
  assert.is(more.spent, 7);
  writeFileSync(path, "many");
  assert.instance(await rejection(QueryBudget.open(path, 7)), SearchStoreError);
});

test("a query that nobody heard of costs nothing", async ({ folder }) => {
  const budget = await QueryBudget.open(join(folder, "unheard"), 9);
  const server = new TestSearchServer("serper");
  const url = await server.open();
  await server.close();
  const search = searchOf("serper", access("serper", url, { budget }));
  await rejection(search.query("Lyon", 1));
  assert.is(budget.spent, 0);
});

test.run();
