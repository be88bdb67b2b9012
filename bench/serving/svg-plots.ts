/** Plots as SVG text. */

const [WIDTH, HEIGHT, MARGIN] = [720, 320, 48];
const COLORS = ['#1b9e77', '#d95f02', '#7570b3', '#e7298a', '#66a61e', '#666666'];

export interface Line {
  name: string;
  points: [x: number, y: number][];
}

/** Lines over numeric x; both axes start at 0. */
export function drawLines(title: string, lines: Line[]): string {
  const points = lines.flatMap(({ points }) => points);
  const right = Math.max(...points.map(([x]) => x)) || 1;
  const top = Math.max(...points.map(([, y]) => y)) || 1;
  const x = (value: number) => (MARGIN + (value / right) * (WIDTH - 2 * MARGIN)).toFixed(1);
  const y = (value: number) => (HEIGHT - MARGIN - (value / top) * (HEIGHT - 2 * MARGIN)).toFixed(1);
  const drawn = lines.map(
    ({ points }, index) =>
      `<polyline points="${points.map((point) => `${x(point[0])},${y(point[1])}`).join(' ')}" fill="none" stroke="${COLORS[index]}"/>`,
  );
  return frame(title, [
    `<path d="M${MARGIN} ${MARGIN}V${HEIGHT - MARGIN}H${WIDTH - MARGIN}" fill="none" stroke="#888"/>`,
    ...drawn,
    ...[0, top].map((value) => label(MARGIN - 6, y(value), value.toPrecision(3), 'end')),
    ...[0, right].map((value) =>
      label(Number(x(value)), HEIGHT - MARGIN + 18, value.toPrecision(3), 'middle'),
    ),
  ]);
}

/** Horizontal bars with their values. */
export function drawBars(title: string, bars: [name: string, value: number][]): string {
  const top = Math.max(...bars.map(([, value]) => value));
  const [left, step] = [200, (HEIGHT - 2 * MARGIN) / bars.length];
  return frame(
    title,
    bars.flatMap(([name, value], index) => {
      const y = MARGIN + index * step;
      const width = (value / top) * (WIDTH - left - 2 * MARGIN);
      return [
        label(left - 8, y + step / 2, name, 'end'),
        `<rect x="${left}" y="${(y + step * 0.1).toFixed(1)}" width="${width.toFixed(1)}" height="${(step * 0.6).toFixed(1)}" fill="${COLORS[0]}"/>`,
        label(left + width + 6, y + step / 2, Math.round(value).toLocaleString('en'), 'start'),
      ];
    }),
  );
}

/** Lines over named steps, on a logarithmic y axis. */
export function drawSteps(
  title: string,
  steps: string[],
  lines: { name: string; values: number[] }[],
): string {
  const values = lines.flatMap(({ values }) => values);
  const [low, high] = [
    Math.floor(Math.log10(Math.min(...values))),
    Math.ceil(Math.log10(Math.max(...values))),
  ];
  const x = (index: number) => MARGIN + (index / (steps.length - 1)) * (WIDTH - 3 * MARGIN);
  const y = (value: number) =>
    HEIGHT - MARGIN - ((Math.log10(value) - low) / (high - low || 1)) * (HEIGHT - 2 * MARGIN);
  const decades = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return frame(title, [
    ...decades.flatMap((decade) => [
      `<path d="M${MARGIN} ${y(decade).toFixed(1)}H${WIDTH - 2 * MARGIN}" stroke="#ddd"/>`,
      label(MARGIN - 6, y(decade) + 4, String(Number(decade.toPrecision(1))), 'end'),
    ]),
    ...steps.map((step, index) => label(x(index), HEIGHT - MARGIN + 18, step, 'middle')),
    ...lines.flatMap(({ name, values }, index) => [
      `<polyline points="${values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}" fill="none" stroke="${COLORS[index]}"/>`,
      `<text x="${MARGIN + 12}" y="${MARGIN + 16 + 16 * index}" fill="${COLORS[index]}">${name}</text>`,
    ]),
  ]);
}

function label(x: number, y: number | string, text: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${x.toFixed(1)}" y="${Number(y).toFixed(1)}" text-anchor="${anchor}">${text}</text>`;
}

function frame(title: string, content: string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="100%" height="100%" fill="white"/>
<text x="${MARGIN}" y="${MARGIN - 20}">${title}</text>
${content.join('\n')}
</svg>
`;
}
