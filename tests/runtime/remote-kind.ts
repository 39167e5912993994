// A ledger behind the bus, for the storage room's contract: an in-memory ledger, served over a real
// NATS server to a client, which is what the tests see.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  announceCommits,
  type Bus,
  commitsSubject,
  connectLedger,
  connectNats,
  serveLedger,
  startNatsServer,
} from "../../runtime/index.ts";
import { type Head, type Ledger, MemoryDisk, openMemoryLedger } from "../../storage/index.ts";
import type { Kind } from "../storage/harness.ts";

const address = { cluster: "test", run: "r" };

export const remoteKind: Kind = {
  name: "remote over NATS",
  async make() {
    const directory = await mkdtemp(join(tmpdir(), "varft-remote-"));
    const server = await startNatsServer({ directory });
    const disk = new MemoryDisk();
    const buses: Bus[] = [];
    const connect = async (): Promise<Bus> => {
      const bus = await connectNats(server);
      buses.push(bus);
      return bus;
    };
    return {
      open: (onCommitted) => openRemote(disk, connect, onCommitted),
      remove: async () => {
        for (const bus of buses) await bus.close();
        await server.stop();
        await rm(directory, { recursive: true });
      },
    };
  },
};

async function openRemote(
  disk: MemoryDisk,
  connect: () => Promise<Bus>,
  onCommitted: ((head: Head) => void) | undefined,
): Promise<Ledger> {
  const [head, worker] = [await connect(), await connect()];
  const ledger = await openMemoryLedger({
    disk,
    clock: () => 1_700_000_000_000,
    onCommitted: announceCommits(head, address),
  });
  const service = serveLedger(head, address, ledger);
  await head.flush();
  if (onCommitted !== undefined) {
    worker.subscribe(commitsSubject(address), (size) => onCommitted(size as Head));
    await worker.flush();
  }
  const remote = connectLedger({ bus: worker, address });
  const close = remote.close.bind(remote);
  return Object.assign(remote, {
    close: async () => {
      await close();
      await service.close();
      await ledger.close();
    },
  });
}
