// What a server says of itself, fit to be told: found in the answer, bounded, plain.

/** Characters of a server's own words that are told. */
const wordsCharsMax = 300;

/** Text from outside, bounded and without anything that steers a terminal. */
export function plainWords(text: string): string {
  const plain = text.replaceAll(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
  return plain.length > wordsCharsMax ? `${plain.slice(0, wordsCharsMax)}…` : plain;
}

/**
 * What an answer gives as its error: `{"error": {"message"}}`, `{"error"}`, `{"message"}`,
 * `{"error_message"}` or FastAPI's `{"detail"}`; else the text itself.
 */
export function errorWords(text: string): string {
  try {
    const json = JSON.parse(text) as Readonly<Record<string, unknown>> | null;
    const error = json?.["error"];
    const inner = typeof error === "object" && error !== null ? { ...error } : {};
    const found = [
      Reflect.get(inner, "message"),
      error,
      ...["message", "error_message", "detail"].map((key) => json?.[key]),
    ];
    return found.find((value) => typeof value === "string") ?? text;
  } catch {
    return text;
  }
}
