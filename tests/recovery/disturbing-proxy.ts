// A network between a run and its bus that can be told to misbehave: a TCP proxy in this process.
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Server,
  type Socket,
} from "node:net";

export type Disturbance = "bus-reset" | "bus-cut" | "bus-hang" | "bus-slow";

/** What every piece takes longer under `bus-slow`, in milliseconds. */
const slowMs = 60;

export class DisturbingProxy {
  readonly #target: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #now: Disturbance | null = null;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((client) => this.#connect(client));
  }

  /** Listens on a free port of this host and passes on to the port `target`. */
  static async open(target: number): Promise<DisturbingProxy> {
    const proxy = new DisturbingProxy(target);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, "127.0.0.1", resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * For `ms`: `bus-cut` ends all connections and lets nobody in, `bus-hang` passes nothing on (what
   * was sent arrives late), `bus-slow` passes everything on late. `bus-reset` ends all connections,
   * at once, with what was under way.
   */
  async disturb(how: Disturbance, ms: number): Promise<void> {
    if (how === "bus-reset" || how === "bus-cut") this.#cut();
    if (how === "bus-reset") return;
    this.#now = how;
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.#now = null;
    for (const link of this.#links) link.release();
  }

  async close(): Promise<void> {
    this.#cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #cut(): void {
    for (const link of this.#links) link.end();
  }

  #connect(client: Socket): void {
    if (this.#now === "bus-cut") {
      client.destroy();
      return;
    }
    const link = new Link(client, createConnection(this.#target, "127.0.0.1"), () => this.#now);
    this.#links.add(link);
    link.onEnd(() => this.#links.delete(link));
  }
}

/** One connection through the proxy: both directions, each in its order. */
class Link {
  readonly #sockets: readonly [Socket, Socket];
  readonly #held: (() => void)[] = [];

  constructor(client: Socket, server: Socket, now: () => Disturbance | null) {
    this.#sockets = [client, server];
    this.#pass(client, server, now);
    this.#pass(server, client, now);
  }

  onEnd(ended: () => void): void {
    for (const socket of this.#sockets) socket.once("close", ended);
  }

  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Passes on what was held back. */
  release(): void {
    for (const send of this.#held.splice(0)) send();
  }

  #pass(from: Socket, to: Socket, now: () => Disturbance | null): void {
    // Pieces of one direction never overtake each other: that would be no TCP.
    let last: Promise<void> = Promise.resolve();
    const wait = async (): Promise<void> => {
      const how = now();
      if (how === "bus-hang") await new Promise<void>((resolve) => this.#held.push(resolve));
      if (how === "bus-slow") await new Promise((resolve) => setTimeout(resolve, slowMs));
    };
    from.setNoDelay(true);
    from.on("data", (bytes) => {
      last = last.then(wait).then(() => void to.write(bytes));
    });
    from.on("error", () => {}); // "close" follows
    from.on("close", () => this.end());
  }
}
