// The stored rows one after the other, up to the head: what is missing is told, and a file that
// leads in circles ends the walk.
import type { Evidence, Head, StoredRow, TableSizes } from "../../storage/index.ts";

/** What an audit holds fast when it begins: whatever is appended later is not looked at. */
export interface Snapshot {
  readonly head: Head;
  readonly sizes: TableSizes;
}

/** In one turn, so that both are of one state. */
export function snapshotOf(evidence: Evidence): Snapshot {
  return { head: evidence.head(), sizes: evidence.tableSizes() };
}

/** Takes each row, and is told of what is wrong with their order. */
export interface RowTaker {
  take(global: number, bytes: Uint8Array): void;
  wrong?(seq: number, reason: string): void;
}

/** Hands every row of a snapshot to `taker`. @param onPage how many rows there were so far */
export function eachRow(
  evidence: Pick<Evidence, "rows">,
  { head }: Snapshot,
  taker: RowTaker,
  onPage: (rows: number) => void,
): void {
  let rows = 0;
  for (const page of walkRows(evidence, head.size, (seq, reason) => taker.wrong?.(seq, reason))) {
    for (const { global, bytes } of page) taker.take(global, bytes);
    rows += page.length;
    onPage(rows);
  }
}

/** Says that `reason` is wrong with the row `seq`. */
type Tell = (seq: number, reason: string) => void;

/** Pages of rows 1 to `total`; each row's number is above that of the one before it. */
function* walkRows(
  evidence: Pick<Evidence, "rows">,
  total: number,
  tell: Tell,
): Generator<readonly StoredRow[]> {
  for (let next = 1; next <= total; ) {
    const page = evidence.rows(next).filter(({ global }) => global <= total);
    for (const { global } of page) {
      if (global < next) {
        tell(next, `event ${global} lies where ${next} belongs`);
        return;
      }
      if (global > next) tellMissing(tell, next, global);
      next = global + 1;
    }
    if (page.length === 0) {
      tellMissing(tell, next, total + 1);
      return;
    }
    yield page;
  }
}

function tellMissing(tell: Tell, from: number, next: number): void {
  const more = next - from - 1;
  const what = more === 0 ? "is missing" : `and ${more} more are missing`;
  tell(from, `event ${from} ${what}`);
}
