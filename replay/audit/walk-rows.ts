// The stored rows one after the other, up to the head: what is missing is told, and a file that
// leads in circles ends the walk.
import type { Evidence, StoredRow } from "../../storage/index.ts";

/** Says that `reason` is wrong with the row `seq`. */
type Tell = (seq: number, reason: string) => void;

/** Pages of rows 1 to `total`; each row's number is above that of the one before it. */
export function* walkRows(
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
