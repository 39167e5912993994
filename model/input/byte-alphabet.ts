// The 256 printable characters by which byte-level BPE writes bytes (GPT-2's bytes_to_unicode):
// printable Latin-1 stands for itself, the other bytes take the characters from U+0100 on.

const isPrintable = (byte: number) =>
  (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;

/** The character of each byte. */
export const byteCharacters: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) =>
    String.fromCodePoint(isPrintable(byte) ? byte : next++),
  );
})();

const bytesByCharacter = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** The bytes that a token's characters stand for; undefined when one is not of the alphabet. */
export function bytesOfToken(token: string | undefined): Uint8Array | undefined {
  if (token === undefined) return undefined;
  const bytes: number[] = [];
  for (const character of token) {
    const byte = bytesByCharacter.get(character);
    if (byte === undefined) return undefined;
    bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}
