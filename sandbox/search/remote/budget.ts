// How many queries a run has asked. The count is a small file in the run's folder, written before
// the query goes out: the ledger knows only of answers, and what failed or was under way when a
// process died may have been paid for too.
import { readFile, rename, writeFile } from "node:fs/promises";
import { ensureError } from "../../../events/index.ts";
import { SearchBudgetError, SearchStoreError } from "../errors.ts";

export class QueryBudget {
  readonly #path: string;
  readonly #max: number;
  #spent: number;
  #written: Promise<void> = Promise.resolve();

  private constructor(path: string, max: number, spent: number) {
    this.#path = path;
    this.#max = max;
    this.#spent = spent;
  }

  /** Goes on with the count in the file `path`, from 0 where there is none. */
  static async open(path: string, max: number): Promise<QueryBudget> {
    const text = await readFile(path, "utf8").catch((thrown: unknown) => {
      if ((thrown as { code?: unknown }).code === "ENOENT") return "0";
      throw thrown;
    });
    if (!/^\d{1,15}\s*$/.test(text)) {
      const reason = "holds no number of queries: write one into it, how many the run has asked";
      throw new SearchStoreError(path, { reason });
    }
    return new QueryBudget(path, max, Number(text));
  }

  get spent(): number {
    return this.#spent;
  }

  /** Counts a query, durably against the end of this process. @throws SearchBudgetError */
  async take(): Promise<void> {
    if (this.#spent >= this.#max) throw new SearchBudgetError(this.#spent);
    this.#spent += 1;
    await this.#write();
  }

  /** A query that the server says it has not carried out costs nothing. */
  async giveBack(): Promise<void> {
    this.#spent -= 1;
    await this.#write();
  }

  #write(): Promise<void> {
    const next = this.#written.then(async () => {
      const fresh = `${this.#path}.new`;
      await writeFile(fresh, `${this.#spent}\n`);
      await rename(fresh, this.#path);
    });
    this.#written = next.catch(() => {});
    return next.catch((thrown: unknown) => {
      const { message } = ensureError(thrown);
      throw new SearchStoreError(this.#path, {
        reason: `cannot be written: ${message}`,
        cause: thrown,
      });
    });
  }
}
