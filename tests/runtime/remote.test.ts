// The remote ledger beyond the storage room's contract, and a host that works through it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hashName, RetryableError } from "../../events/index.ts";
import {
  ActorHost,
  announceCommits,
  type Bus,
  connectLedger,
  followLedger,
  isOutOfReach,
  MemoryBroker,
  pieceBytesMax,
  serveLedger,
} from "../../runtime/index.ts";
import { type Ledger, MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import { rejection, stream } from "./host-world.ts";
import { readEvent, toyActor } from "./toy-actor.ts";

interface World {
  broker: MemoryBroker;
  head: Bus;
  worker: Bus;
  disk: MemoryDisk;
  ledger: Ledger;
  remote: Ledger;
}

const address = { cluster: "test", run: "r" };
const subject = (verb: string) => `varft.test.r.ledger.${verb}`;
const test = suite<World>("remote ledger");

test.before.each(async (context) => {
  context.broker = new MemoryBroker();
  context.head = context.broker.connect();
  context.worker = context.broker.connect();
  context.disk = new MemoryDisk();
  const onCommitted = announceCommits(context.head, address);
  context.ledger = await openMemoryLedger({
    disk: context.disk,
    clock: () => 7,
    onCommitted,
    readEvent,
  });
  serveLedger(context.head, address, context.ledger);
  context.remote = connectLedger({ bus: context.worker, address, readEvent });
});
test.after.each(async ({ head, worker, ledger }) => {
  await Promise.all([head.close(), worker.close()]);
  await ledger.close();
});

test("a blob arrives whole whatever its size, and is fetched once", async ({ remote, ledger }) => {
  for (const size of [0, 1, pieceBytesMax, pieceBytesMax + 1, 5 * pieceBytesMax - 3]) {
    const bytes = new Uint8Array(size).map((_, index) => index * 31 + size);
    const name = await remote.blobs.put(bytes);
    assert.is(name, hashName(bytes));
    assert.is(Buffer.compare((await ledger.blobs.get(name)) ?? Buffer.from("x"), bytes), 0);
    const [one, two] = await Promise.all([remote.blobs.get(name), remote.blobs.get(name)]);
    assert.is(Buffer.compare(one ?? Buffer.from("x"), bytes), 0);
    assert.is(one, two);
  }
});

test("bytes that do not match their name are refused on both ends", async (context) => {
  const { worker, remote, ledger, disk } = context;
  const bytes = Uint8Array.of(1, 2, 3);
  const wrong = hashName(Uint8Array.of(9));
  await worker.request(subject("upload"), { upload: "u", size: 3, offset: 0, bytes });
  const finish = worker.request(subject("blobUploaded"), { upload: "u", name: wrong });
  assert.is((await rejection(finish)).code, "blob-damaged");
  const name = await ledger.blobs.put(bytes);
  disk.blobs.set(name, Uint8Array.of(1, 2, 4));
  assert.is((await rejection(remote.blobs.get(name))).code, "ledger-corrupt");
});

test("an upload that the head forgot is sent again", async ({ worker, remote, ledger }) => {
  const lost = worker.request(subject("blobUploaded"), {
    upload: "x",
    name: hashName(Buffer.of()),
  });
  assert.is((await rejection(lost)).code, "upload-lost");
  const bytes = new Uint8Array(10);
  assert.ok(await ledger.blobs.has(await remote.blobs.put(bytes)));
});

test("malformed requests and unknown verbs are refused by name", async ({ worker }) => {
  const code = async (verb: string, payload: unknown) =>
    (await rejection(worker.request(subject(verb), payload))).code;
  assert.is(await code("destroy", null), "ledger-verb");
  assert.is(await code("constructor", null), "ledger-verb");
  assert.is(await code("append", { command: "c" }), "ledger-invalid-request");
  assert.is(await code("blobGet", { name: "../etc", offset: 0 }), "ledger-invalid-request");
  assert.is(await code("stream", { stream: "s", from: -1, limit: null }), "ledger-invalid-request");
  const piece = { upload: "u", size: 10, offset: 0, bytes: Uint8Array.of(1) };
  assert.is(await code("upload", piece), "upload-piece");
  assert.is(await code("upload", { ...piece, size: 2 ** 40 }), "upload-piece");
});

test("an append above the limit of a message travels in pieces, once", async ({ remote }) => {
  const data = new Uint8Array(200 * 1024);
  const events = Array.from({ length: 8 }, () => ({ type: "thing.stored", v: 1, data }));
  const part = { stream: "run/r", expected: 0, epoch: 0, events };
  const request = { command: "c1", by: "test", trace: null, blobs: [], parts: [part] };
  const first = await remote.append(request);
  assert.is(first.length, 8);
  assert.equal(await remote.append(request), first);
  assert.is((await remote.head()).size, 8);
});

test("a follower sees what others append, woken by hints", async ({ worker, remote, ledger }) => {
  const seen: number[] = [];
  const options = { from: 1, intervalMs: 60_000 };
  const follower = followLedger(
    worker,
    address,
    remote,
    ({ global }) => void seen.push(global),
    options,
  );
  for (const command of ["c1", "c2", "c3"]) {
    const events = [{ type: "thing.stored", v: 1, data: null }];
    await ledger.append({
      ...{ command, by: "test", trace: null, blobs: [] },
      parts: [{ stream: "run/r", expected: null, epoch: 0, events }],
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(seen, [1, 2, 3]);
  await follower.close();
});

test("a host works through a head that is restarted in the middle", async (context) => {
  const { broker, remote, disk, ledger, head } = context;
  const faults: unknown[] = [];
  const host = new ActorHost({
    actor: toyActor(),
    ledger: remote,
    holder: "worker-1",
    onFault: (fault) => faults.push(fault),
  });
  await host.tell(stream, { id: "c1", type: "ask", amount: 1 });
  await host.idle();
  await head.close();
  await ledger.close();
  const told = host.tell(stream, { id: "c2", type: "ask", amount: 2 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const secondHead = broker.connect();
  const second = await openMemoryLedger({ disk, clock: () => 8, readEvent });
  serveLedger(secondHead, address, second);
  assert.is((await told).status, "recorded");
  await host.idle();
  assert.is((await host.state(stream)).context.total, 3);
  assert.equal(faults, []);
  await host.close();
  await secondHead.close();
  await second.close();
});

test("a lease is acquired once per request, however late an attempt of it comes", async (context) => {
  const { worker, remote, ledger } = context;
  const ask = (id: string) =>
    worker.request(subject("acquire"), { name: "run/r", holder: "w" }, { id });
  assert.equal(await ask("1"), { name: "run/r", epoch: 1, holder: "w" });
  assert.equal(await ask("1"), { name: "run/r", epoch: 1, holder: "w" });
  assert.is((await ledger.lease("run/r"))?.epoch, 1);
  assert.is((await remote.acquireLease("run/r", "w")).epoch, 2);
});

test("a head whose ledger has failed is away, and its worker goes on with the next", async (context) => {
  const { broker, worker } = context;
  const bus = broker.connect();
  const full = async (): Promise<void> => {
    throw new Error("the disk is full");
  };
  const failing = await openMemoryLedger({ clock: () => 7, flush: full });
  const failures: Error[] = [];
  const other = { ...address, run: "other" };
  serveLedger(bus, other, failing, (failure) => failures.push(failure));
  const error = await rejection(
    connectLedger({ bus: worker, address: other }).acquireLease("a", "w"),
  );
  assert.instance(error, RetryableError);
  assert.is(error.code, "ledger-away");
  assert.ok(isOutOfReach(error));
  // The head may make no append of its own: it is told.
  assert.match(String(failures[0]), /the disk is full/);
  await bus.close();
  await failing.close();
});

test.run();
