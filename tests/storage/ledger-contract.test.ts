// What every ledger promises, whatever it is made of.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  CodecError,
  encodeEnvelope,
  eventBytesMax,
  eventId,
  hashName,
  streams,
} from "../../events/index.ts";
import {
  eventsPerAppendMax,
  type Head,
  pageRowsMax,
  partsPerAppendMax,
  verifyChain,
} from "../../storage/index.ts";
import { remoteKind } from "../runtime/remote-kind.ts";
import { codeOf, type Kind, kinds, now, part, request, someEvents, withLedger } from "./harness.ts";

function contract(kind: Kind): void {
  const test = suite(`ledger contract, ${kind.name}`);

  test("events come back in full, in the order in which they were appended", () =>
    withLedger(kind, async (ledger) => {
      const events = [
        {
          type: "tool.returned",
          v: 2,
          data: { ids: Int32Array.of(1, 2), bytes: Uint8Array.of(9) },
        },
        { type: "step.planned", v: 1, data: null, cause: "abc" },
      ];
      const stored = await ledger.append({
        command: "c1",
        by: "run",
        trace: "00-11-22-01",
        blobs: [],
        parts: [{ stream: "run/r1", expected: 0, epoch: 0, events }],
      });
      const common = { stream: "run/r1", time: now, command: "c1", trace: "00-11-22-01", epoch: 0 };
      assert.equal(stored, [
        { ...common, id: eventId("run/r1", "c1", 0), seq: 1, by: "run", cause: null, ...events[0] },
        { ...common, id: eventId("run/r1", "c1", 1), seq: 2, by: "run", ...events[1] },
      ]);
      assert.equal(await ledger.readStream("run/r1"), stored);
      assert.equal(
        await ledger.readAll(1),
        stored.map((event, index) => ({ global: index + 1, event })),
      );
      const rows = await ledger.readRows(2);
      assert.is(rows.length, 1);
      assert.equal(Uint8Array.from(rows[0]?.bytes ?? []), stored[1] && encodeEnvelope(stored[1]));
    }));

  test("one append spans streams; global order is the order of its parts", () =>
    withLedger(kind, async (ledger) => {
      await ledger.append(
        request("c1", part("run/b", { events: someEvents(2) }), part("run/a"), part("run/c")),
      );
      const all = await ledger.readAll(1);
      assert.equal(
        all.map(({ global, event }) => [global, event.stream, event.seq]),
        [
          [1, "run/b", 1],
          [2, "run/b", 2],
          [3, "run/a", 1],
          [4, "run/c", 1],
        ],
      );
      assert.equal(await ledger.listStreams(), ["run/a", "run/b", "run/c"]);
    }));

  test("an append that is refused in one part writes nothing in any", () =>
    withLedger(kind, async (ledger) => {
      await ledger.append(request("c1", part("run/a")));
      const refused = request("c2", part("run/b"), part("run/a", { expected: 0 }));
      assert.is(await codeOf(ledger.append(refused)), "ledger-stale-sequence");
      assert.is((await ledger.head()).size, 1);
      assert.equal(await ledger.listStreams(), ["run/a"]);
      await ledger.append(request("c2", part("run/b", { expected: 0 })));
      assert.is((await ledger.readStream("run/b")).length, 1);
    }));

  test("data that cannot be encoded leaves no trace", () =>
    withLedger(kind, async (ledger) => {
      const broken = [...someEvents(1), { type: "step.planned", v: 1, data: new Map() }];
      const large = [{ type: "step.planned", v: 1, data: new Uint8Array(eventBytesMax) }];
      for (const events of [broken, large]) {
        try {
          await ledger.append(request("c1", part("run/a"), part("run/b", { events })));
          assert.unreachable();
        } catch (error) {
          assert.instance(error, CodecError);
        }
      }
      const [stored] = await ledger.append(request("c1", part("run/a", { expected: 0 })));
      assert.is(stored?.seq, 1);
      assert.ok((await verifyChain(ledger)).ok);
    }));

  test("a known command is answered from the record, whatever its epoch and sequence", () =>
    withLedger(kind, async (ledger, place) => {
      const first = request(
        "c1",
        part("run/a", { events: someEvents(3, "first") }),
        part("run/b", { expected: 0 }),
      );
      const stored = await ledger.append(first);
      await ledger.acquireLease("run/a", "other");
      await ledger.append(request("c2", part("run/a", { epoch: 1 })));
      const again = request(
        "c1",
        part("run/a", { expected: 77, epoch: 99, events: someEvents(1, "second") }),
        part("run/b"),
      );
      assert.equal(await ledger.append(again), stored);
      await ledger.close();
      const reopened = await place.open();
      assert.equal(await reopened.append(again), stored);
      assert.is((await reopened.head()).size, 5);
      await reopened.close();
    }));

  test("the same command at the same time is stored once", () =>
    withLedger(kind, async (ledger) => {
      const answers = await Promise.all(
        Array.from({ length: 5 }, (_, mark) =>
          ledger.append(request("c1", part("run/a", { expected: 0, events: someEvents(2, mark) }))),
        ),
      );
      for (const answer of answers) assert.equal(answer, answers[0]);
      assert.is((await ledger.head()).size, 2);
    }));

  test("a command that is known in some streams only is refused", () =>
    withLedger(kind, async (ledger) => {
      await ledger.append(request("c1", part("run/a")));
      const half = request("c1", part("run/a"), part("run/b"));
      assert.is(await codeOf(ledger.append(half)), "ledger-invalid-request");
      await ledger.append(request("c1", part("run/b")));
      assert.is((await ledger.append(half)).length, 2);
    }));

  test("the expected sequence is checked against appends that are still on their way", () =>
    withLedger(kind, async (ledger) => {
      const first = ledger.append(request("c1", part("run/a", { expected: 0 })));
      const second = ledger.append(request("c2", part("run/a", { expected: 1 })));
      const stale = ledger.append(request("c3", part("run/a", { expected: 1 })));
      assert.is(await codeOf(stale), "ledger-stale-sequence");
      assert.equal(
        (await Promise.all([first, second])).flat().map((event) => event.seq),
        [1, 2],
      );
    }));

  test("a higher epoch shuts out the writer before, at once and after reopening", () =>
    withLedger(kind, async (ledger, place) => {
      const stream = streams.trajectory("r1", 0, 2, 5);
      assert.is(await ledger.lease("group/r1/0.2"), null);
      await ledger.append(request("c0", part(stream, { epoch: 0 })));
      const lease = ledger.acquireLease("group/r1/0.2", "worker-1");
      const early = ledger.append(request("c1", part(stream, { epoch: 0 })));
      assert.is(await codeOf(early), "ledger-stale-epoch");
      assert.equal(await lease, { name: "group/r1/0.2", epoch: 1, holder: "worker-1" });
      const [stored] = await ledger.append(request("c1", part(stream, { epoch: 1 })));
      assert.is(stored?.epoch, 1);
      await ledger.close();
      const reopened = await place.open();
      assert.is((await reopened.acquireLease("group/r1/0.2", "worker-2")).epoch, 2);
      assert.is(
        await codeOf(reopened.append(request("c2", part(stream, { epoch: 1 })))),
        "ledger-stale-epoch",
      );
      await reopened.append(request("c2", part(stream, { epoch: 2 })));
      assert.equal(await reopened.lease("group/r1/0.2"), {
        name: "group/r1/0.2",
        epoch: 2,
        holder: "worker-2",
      });
      await reopened.close();
    }));

  test("events that name a blob wait for the blob", () =>
    withLedger(kind, async (ledger) => {
      const bytes = new Uint8Array(3 * 1024 * 1024 + 5).map((_, index) => index * 7);
      const append = { ...request("c1", part("run/a")), blobs: [hashName(bytes)] };
      assert.is(await codeOf(ledger.append(append)), "ledger-missing-blob");
      const putting = ledger.blobs.put(bytes);
      assert.is(await codeOf(ledger.append(append)), "ledger-missing-blob");
      assert.is(await putting, hashName(bytes));
      assert.is((await ledger.append(append)).length, 1);
    }));

  test("blobs come back as they were, of any size, and stay over a reopening", () =>
    withLedger(kind, async (ledger, place) => {
      const sizes = [0, 1, 1024 * 1024, 1024 * 1024 + 1, 17 * 1024 * 1024];
      const blobs = sizes.map((size) => new Uint8Array(size).fill(size % 251));
      const names = await Promise.all(blobs.map((bytes) => ledger.blobs.put(bytes)));
      assert.equal(names, blobs.map(hashName));
      assert.is(
        await ledger.blobs.put(Uint8Array.of(17 * 1024 * 1024)),
        hashName(Uint8Array.of(0)),
      );
      await ledger.close();
      const reopened = await place.open();
      for (const [index, name] of names.entries()) {
        assert.ok(await reopened.blobs.has(name));
        const back = await reopened.blobs.get(name);
        assert.is(Buffer.compare(back ?? Uint8Array.of(7), blobs[index] ?? Uint8Array.of()), 0);
      }
      const absent = hashName(Uint8Array.of(1, 2, 3));
      assert.not(await reopened.blobs.has(absent));
      assert.is(await reopened.blobs.get(absent), null);
      await reopened.close();
    }));

  test("requests that break a rule of form are refused by name", () =>
    withLedger(kind, async (ledger) => {
      const many = Array.from({ length: partsPerAppendMax + 1 }, (_, index) =>
        part(`run/${index}`),
      );
      const event = { type: "step.planned", v: 1, data: null };
      const broken = [
        request("c1"),
        request("c 1", part("run/a")),
        request("c1", part("run/a"), part("run/a")),
        request("c1", part("run a")),
        request("c1", part("")),
        request("c1", part("run/a", { events: [] })),
        request("c1", part("run/a", { events: someEvents(eventsPerAppendMax + 1) })),
        request("c1", ...many),
        request("c1", part("run/a", { events: [{ ...event, type: "planned" }] })),
        request("c1", part("run/a", { events: [{ ...event, v: 0 }] })),
        { ...request("c1", part("run/a")), by: "" },
      ];
      for (const bad of broken) {
        assert.is(await codeOf(ledger.append(bad)), "ledger-invalid-request");
      }
      assert.is(await codeOf(ledger.acquireLease("", "x")), "ledger-invalid-request");
      assert.is((await ledger.head()).size, 0);
    }));

  test("streams are read from any place, in pages of any size", () =>
    withLedger(kind, async (ledger) => {
      const appends = Array.from({ length: 9 }, (_, index) =>
        ledger.append(
          request(
            `c${index}`,
            part("run/a", { events: someEvents(index * 60 + 1, index) }),
            part("run/b", { events: someEvents(3) }),
          ),
        ),
      );
      const written = (await Promise.all(appends)).flat();
      const inStream = written.filter((event) => event.stream === "run/a");
      assert.ok(inStream.length > pageRowsMax);
      assert.equal(await ledger.readStream("run/a"), inStream);
      for (const [from, limit] of [
        [1, 1],
        [2, 61],
        [62, 1],
        [63, 5000],
        [1200, 1100],
        [inStream.length, 2],
        [inStream.length + 1, 2],
        [9_999_999, 1],
        [5, 0],
      ] as const) {
        const expected = inStream.slice(from - 1, from - 1 + limit);
        assert.equal(await ledger.readStream("run/a", from, limit), expected, `${from} ${limit}`);
      }
      assert.equal(await ledger.readStream("run/none"), []);
      assert.equal(await ledger.readStream("run/"), []);
    }));

  test("the whole ledger is read page by page, without gaps", () =>
    withLedger(kind, async (ledger) => {
      const events = someEvents(1_250);
      await ledger.append(request("c1", part("run/a", { events })));
      await ledger.append(request("c2", part("run/b", { events })));
      const globals: number[] = [];
      for (;;) {
        const page = await ledger.readAll(globals.length + 1);
        assert.ok(page.length <= pageRowsMax);
        if (page.length === 0) break;
        globals.push(...page.map((stored) => stored.global));
      }
      assert.equal(
        globals,
        Array.from({ length: 2_500 }, (_, index) => index + 1),
      );
      assert.equal(
        (await ledger.readAll(2_499, 10)).map((stored) => stored.global),
        [2_499, 2_500],
      );
    }));

  test("a page of large events ends early and goes on", () =>
    withLedger(kind, async (ledger) => {
      const data = new Uint8Array(200 * 1024);
      const events = Array.from({ length: 60 }, () => ({ type: "step.planned", v: 1, data }));
      await ledger.append(request("c1", part("run/a", { events })));
      const page = await ledger.readAll(1);
      assert.ok(page.length > 0 && page.length < 60, `${page.length}`);
      assert.is((await ledger.readStream("run/a")).length, 60);
      assert.ok((await verifyChain(ledger)).ok);
    }));

  test("streams are listed by prefix, each once", () =>
    withLedger(kind, async (ledger) => {
      const names = ["run/a", "run/ab", "run/b", "judge/a", "trajectory/a/1.2.3"];
      for (const [index, name] of names.entries()) {
        await ledger.append(request(`c${index}`, part(name, { events: someEvents(2) })));
        await ledger.append(request(`d${index}`, part(name)));
      }
      assert.equal(await ledger.listStreams(), [...names].sort());
      assert.equal(await ledger.listStreams("run/a"), ["run/a", "run/ab"]);
      assert.equal(await ledger.listStreams("trajectory/a/1."), ["trajectory/a/1.2.3"]);
      assert.equal(await ledger.listStreams("zzz"), []);
    }));

  test("what is acknowledged is there after reopening, and the chain goes on", () =>
    withLedger(kind, async (ledger, place) => {
      assert.equal(await ledger.head(), { size: 0, hash: "0".repeat(64) });
      await ledger.append(request("c1", part("run/a")));
      const before = await ledger.head();
      await ledger.close();
      const reopened = await place.open();
      assert.equal(await reopened.head(), before);
      await reopened.append(request("c2", part("run/a", { expected: 1 })));
      const verdict = await verifyChain(reopened);
      assert.equal([verdict.ok, verdict.events], [true, 2]);
      assert.is(verdict.hash, (await reopened.head()).hash);
      await reopened.close();
    }));

  test("commits are announced with what is durable then", async () => {
    const place = await kind.make();
    const heads: Head[] = [];
    const ledger = await place.open((head) => heads.push(head));
    await Promise.all([1, 2, 3].map((n) => ledger.append(request(`c${n}`, part(`run/${n}`)))));
    await ledger.append(request("c4", part("run/4")));
    assert.equal(heads.at(-1), await ledger.head());
    assert.ok(heads.length <= 4);
    await ledger.close();
    await place.remove();
  });

  test("closing waits for what is on its way, and refuses what comes after", () =>
    withLedger(kind, async (ledger) => {
      const appends = Array.from({ length: 20 }, (_, index) =>
        ledger.append(request(`c${index}`, part(`run/${index}`))),
      );
      const closed = ledger.close();
      assert.is(await codeOf(ledger.append(request("late", part("run/x")))), "ledger-closed");
      await closed;
      for (const events of await Promise.all(appends)) assert.is(events.length, 1);
      assert.is(await codeOf(ledger.head()), "ledger-closed");
    }));

  test.run();
}

for (const kind of [...kinds, remoteKind]) contract(kind);
