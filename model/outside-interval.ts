import { clip, findDomainCells, logVolume, signedExp, signedLog } from './arithmetic.ts';
import type { Model, Prediction } from './model.ts';
import { createPredictor, toShares } from './predictor.ts';

/**
 * Widens the interval of a prediction outside the domain. It then includes the interval at the
 * nearest point inside, and reaches further on both sides by the distance to that point, all in log
 * units: nothing is known about the spread there, so it is never narrower than inside.
 */
export function createOutsideInterval(
  model: Model,
): (prediction: Prediction, volMovingAvg: number, adjCloseRollingMed: number) => Prediction {
  const predict = createPredictor(model);
  const cells = findDomainCells(model);
  return (prediction, volMovingAvg, adjCloseRollingMed) => {
    const x = logVolume(volMovingAvg);
    const y = signedLog(adjCloseRollingMed);
    let squared = Infinity;
    let nearestX = x;
    let nearestY = y;
    for (const [columns, rows] of cells) {
      const insideX = clip(x, columns);
      const insideY = clip(y, rows);
      const away = (insideX - x) ** 2 + (insideY - y) ** 2;
      if (away >= squared) continue;
      squared = away;
      nearestX = insideX;
      nearestY = insideY;
    }
    const distance = Math.sqrt(squared);
    const { p10, p90 } = predict(signedExp(nearestX), signedExp(nearestY));
    return {
      ...prediction,
      p10: toShares(Math.min(logVolume(prediction.p10), logVolume(p10)) - distance),
      p90: toShares(Math.max(logVolume(prediction.p90), logVolume(p90)) + distance),
    };
  };
}
