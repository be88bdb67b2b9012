const MARGIN = 48;
const GREY = '#888';

/** The ranges of the axes, in units of the data. */
export interface Ranges {
  x: [number, number];
  y: [number, number];
}

/** A point in units of the data. */
export type Point = [x: number, y: number];

/** Draws a plot 720 points wide. The functions return SVG elements, which page() takes. */
export function makePlot(height: number, ranges: Ranges) {
  const width = 720;
  const [left, right, bottom, top] = [MARGIN, width - MARGIN, height - MARGIN, MARGIN];
  const place = (value: number, [min, max]: [number, number], from: number, to: number) =>
    (from + ((value - min) / (max - min || 1)) * (to - from)).toFixed(1);
  const x = (value: number) => place(value, ranges.x, left, right);
  const y = (value: number) => place(value, ranges.y, bottom, top);
  return {
    /** The left and the bottom edge. */
    axes: () => `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="${GREY}"/>`,
    /** A dashed horizontal line. */
    level: (value: number) =>
      `<path d="M${left} ${y(value)}H${right}" stroke="${GREY}" stroke-dasharray="4"/>`,
    line: (points: Point[], color: string) =>
      `<polyline points="${points.map((point) => `${x(point[0])},${y(point[1])}`).join(' ')}" fill="none" stroke="${color}"/>`,
    dots: (points: Point[], color: string) =>
      points
        .map((point) => `<circle cx="${x(point[0])}" cy="${y(point[1])}" r="3" fill="${color}"/>`)
        .join('\n'),
    labelX: (value: number, text: string, anchor: 'start' | 'middle' | 'end' = 'middle') =>
      `<text x="${x(value)}" y="${bottom + 20}" text-anchor="${anchor}">${text}</text>`,
    labelY: (value: number, text: string) =>
      `<text x="${left - 6}" y="${y(value)}" dy="4" text-anchor="end">${text}</text>`,
    /** A text, followed by the names of the series in their colors. */
    caption: (text: string, series: { name: string; color: string }[]) =>
      `<text x="${left}" y="${top - 18}">${text}: ${series.map(({ name, color }) => `<tspan fill="${color}">${name}</tspan>`).join(', ')}</text>`,
    /** The whole SVG image. */
    page: (title: string, ...elements: string[]) =>
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="100%" height="100%" fill="white"/>
${elements.join('\n')}
</svg>
`,
  };
}
