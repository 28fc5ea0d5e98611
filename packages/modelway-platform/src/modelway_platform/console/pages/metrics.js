// Prometheus text as numbers.

/** name → [[labels, value]] */
export function parse(text) {
  const found = new Map();
  for (const line of text.split("\n")) {
    const match = /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? ([^ ]+)$/i.exec(line);
    if (!match || line.startsWith("#") || match[1].endsWith("_bucket")) continue;
    const labels = {};
    for (const [, key, value] of (match[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) labels[key] = value;
    if (!found.has(match[1])) found.set(match[1], []);
    found.get(match[1]).push([labels, Number(match[3].replace("+Inf", "Infinity"))]);
  }
  return found;
}
export const sum = values => (values ?? []).reduce((total, [, value]) => total + value, 0);
