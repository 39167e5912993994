// Figures of a score in words.

/** Two decimals, never a negative nothing. */
export function point(value: number): string {
  return value.toFixed(2).replace(/^-(0\.00)$/, "$1");
}

/** The same with its sign. */
export function signed(value: number): string {
  const text = point(Math.abs(value));
  if (text === "0.00") return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}
