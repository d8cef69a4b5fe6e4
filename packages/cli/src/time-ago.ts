/** How long ago something was, as the reference says it: Go's duration, whole seconds. `n/a` where it is not known. */
export function timeAgo(created: string | undefined, now: number): string {
  const then = created === undefined ? Number.NaN : Date.parse(created);
  return Number.isNaN(then) ? "n/a" : `${goSeconds(Math.round((now - then) / 1000))} ago`;
}

/** `time.Duration.String` of whole seconds: `1h2m3s`, `2m3s`, `3s`. */
function goSeconds(seconds: number): string {
  const sign = seconds < 0 ? "-" : "";
  const total = Math.abs(seconds);
  const [hours, minutes] = [Math.floor(total / 3600), Math.floor(total / 60) % 60];
  const head = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : "";
  return `${sign}${head}${total % 60}s`;
}
