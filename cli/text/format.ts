// Numbers and times in words.

/** `1:05`, `2:01:05`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
  const [hours = 0, minutes = 0, rest = 0] = parts;
  const tail = `${String(rest).padStart(2, "0")}`;
  if (hours === 0) return `${minutes}:${tail}`;
  return `${hours}:${String(minutes).padStart(2, "0")}:${tail}`;
}

/** `0.3 s`, `1:05`. */
export function duration(seconds: number): string {
  return seconds < 60 ? `${short(seconds)} s` : clock(seconds);
}

/** `12,345`. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** `0.8`, `12,345`: so many a second. */
export function rate(value: number): string {
  return value < 100 ? short(value) : thousands(value);
}

/** Three significant digits, in the form that is shortest to read. */
export function short(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 1e-3 && size < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}

/** `532 B`, `7.51 GB`: powers of 1,000, three digits. */
export function byteSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit]}`;
}

/** `2026-11-22 15:03`, in the host's time. */
export function moment(ms: number): string {
  return second(ms).slice(0, -":ss".length);
}

/** `2026-11-22 15:03:12`, in the host's time. */
export function second(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${day} ${time}`;
}

/** The first characters of a hash, enough to tell two apart. */
export function shortHash(hash: string | null): string {
  return hash === null ? "–" : hash.replace("sha256:", "").slice(0, 12);
}
