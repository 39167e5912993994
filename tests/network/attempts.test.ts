// Goal: requests are repeated after waits that are the same for the same request, or as servers
// ask.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { errorWords, plainWords, retryAfterMs, waitMs, waitMsMax } from "../../network/index.ts";

const test = suite("network/attempts");

test("waits double, half of each is drawn, and the same request waits the same", () => {
  for (let attempt = 1; attempt <= 12; attempt++) {
    const ms = waitMs(["query"], attempt);
    const full = Math.min(waitMsMax, 250 * 2 ** (attempt - 1));
    assert.ok(ms >= full / 2 && ms < full, `attempt ${attempt}: ${ms} ms`);
    assert.is(ms, waitMs(["query"], attempt));
    assert.is.not(ms, waitMs(["another"], attempt));
  }
  assert.ok(waitMs(["query"], 10_000) <= waitMsMax);
});

test("Retry-After is read as seconds or as a date against the answer's own", () => {
  const date = "Sun, 06 Nov 1994 08:49:37 GMT";
  const later = "Sun, 06 Nov 1994 08:50:07 GMT";
  assert.is(retryAfterMs({ "retry-after": "12" }), 12_000);
  assert.is(retryAfterMs({ "retry-after": later, date }), 30_000);
  assert.is(retryAfterMs({ "retry-after": date, date: later }), 0);
  for (const bad of ["", "soon", "-1", "1.5e400", later]) {
    assert.is(retryAfterMs({ "retry-after": bad }), null, bad);
  }
  assert.is(retryAfterMs({}), null);
});

test("a server's words are found, bounded, and steer no terminal", () => {
  assert.is(errorWords('{"message":"Not enough credits","statusCode":400}'), "Not enough credits");
  assert.is(errorWords('{"error":{"message":"no model"}}'), "no model");
  assert.is(errorWords('{"error":"none"}'), "none");
  assert.is(errorWords('{"detail":"Not Found"}'), "Not Found");
  for (const other of ["null", "[]", '{"detail":[1]}', "<html>"]) {
    assert.is(errorWords(other), other);
  }
  assert.is(plainWords(` a\u001b[31m\nb${"c".repeat(1_000)}`).length, 301);
  assert.not.match(plainWords("a\u001b[31mb"), "\u001b");
});

test.run();
