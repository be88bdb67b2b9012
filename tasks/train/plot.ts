import type { Loss } from './losses.ts';

const [WIDTH, HEIGHT, MARGIN] = [720, 360, 48];
const MOST_POINTS = 500;

/** The loss curve as an SVG image: the training loss as a line, averaged over steps where there are many, the validation loss as dots. */
export function drawLosses(losses: Loss[]): string {
  const training = thin(losses.filter(({ split }) => split === 'training'));
  const validation = losses.filter(({ split }) => split === 'validation');
  const lastStep = Math.max(1, ...losses.map(({ step }) => step).slice(-1));
  const values = [...training, ...validation].map(({ loss }) => loss);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (step: number) => (MARGIN + (step / lastStep) * (WIDTH - 2 * MARGIN)).toFixed(1);
  const y = (loss: number) =>
    (HEIGHT - MARGIN - ((loss - low) / (high - low || 1)) * (HEIGHT - 2 * MARGIN)).toFixed(1);
  const line = training.map(({ step, loss }) => `${x(step)},${y(loss)}`).join(' ');
  const dots = validation.map(
    ({ step, loss }) => `<circle cx="${x(step)}" cy="${y(loss)}" r="4" fill="#d95f02"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>Pinball loss by training step</title>
<rect width="100%" height="100%" fill="white"/>
<path d="M${MARGIN} ${MARGIN}V${HEIGHT - MARGIN}H${WIDTH - MARGIN}" fill="none" stroke="#888"/>
<polyline points="${line}" fill="none" stroke="#1b9e77"/>
${dots.join('\n')}
<text x="${MARGIN - 6}" y="${y(high)}" text-anchor="end">${high.toFixed(3)}</text>
<text x="${MARGIN - 6}" y="${y(low)}" text-anchor="end">${low.toFixed(3)}</text>
<text x="${WIDTH - MARGIN}" y="${HEIGHT - MARGIN + 18}" text-anchor="end">step ${lastStep}</text>
<text x="${MARGIN}" y="${MARGIN - 16}">pinball loss: <tspan fill="#1b9e77">training</tspan>, <tspan fill="#d95f02">validation</tspan></text>
</svg>
`;
}

function thin(losses: Loss[]): Loss[] {
  const size = Math.ceil(losses.length / MOST_POINTS);
  const groups = Array.from({ length: Math.ceil(losses.length / size) || 0 }, (_, index) =>
    losses.slice(index * size, (index + 1) * size),
  );
  return groups.map((group) => ({
    ...(group.at(-1) as Loss),
    loss: group.reduce((sum, { loss }) => sum + loss, 0) / group.length,
  }));
}
