import { ratio, type Score, score } from '../../model/score.ts';
import { evaluate } from '../store/feature-rows.ts';
import type { ModelFile } from '../store/models.ts';
import type { Check } from '../store/result.ts';
import type { NewestBlock } from './newest-block.ts';

/** How much worse than the champion a challenger may be, and how many of the volumes its interval has to hold. */
export interface Gates {
  maxMaeRatio: number;
  maxRmsleRatio: number;
  minCoverage: number;
  maxCoverage: number;
}

/** What was found of a challenger. */
export interface Verdict {
  /** What was measured, by name. */
  metrics: Record<string, number>;
  checks: Check[];
  /** Why it is refused; none where it passes. */
  reasons: string[];
}

/** Holds two models against the same rows. */
export async function compare(
  challenger: ModelFile,
  champion: ModelFile,
  gates: Gates,
  { rows }: NewestBlock,
): Promise<Verdict> {
  const ours = await evaluate(challenger.model, rows);
  const theirs = await evaluate(champion.model, rows);
  return {
    metrics: {
      mae_challenger: ours.mae,
      mae_champion: theirs.mae,
      rmsle_challenger: ours.rmsle,
      rmsle_champion: theirs.rmsle,
      coverage_challenger: ours.coverage,
      coverage_champion: theirs.coverage,
    },
    ...judge(ours, theirs, gates),
  };
}

/** Measures a model where there is no other. Only its coverage keeps it out; a MAE above that of vol_moving_avg itself is told of. */
export async function measure(challenger: ModelFile, gates: Gates, { rows }: NewestBlock): Promise<Verdict> {
  const ours = await evaluate(challenger.model, rows);
  const theirs = score(rows.volMovingAvg, rows.volume);
  const mae = ratio(ours.mae, theirs.mae);
  const isCovering = isWithin(ours.coverage, gates);
  return {
    metrics: {
      mae_challenger: ours.mae,
      mae_vol_moving_avg: theirs.mae,
      rmsle_challenger: ours.rmsle,
      coverage_challenger: ours.coverage,
    },
    checks: [
      { name: 'mae_is_within_vol_moving_avg', severity: 'warn', passed: mae <= 1, value: mae },
      { name: 'coverage_is_within_gate', severity: 'warn', passed: isCovering, value: ours.coverage },
    ],
    reasons: isCovering
      ? []
      : [
          `${(ours.coverage * 100).toFixed(1)} % of the volumes lie between its p10 and p90; ${coverageGate(gates)}`,
        ],
  };
}

type Measured = Score & { coverage: number };

/** Whether a challenger passes. One whose coverage is out of bounds does if the champion's lies as far from 0.8. */
export function judge(challenger: Measured, champion: Measured, gates: Gates): Omit<Verdict, 'metrics'> {
  const { maxMaeRatio, maxRmsleRatio } = gates;
  const mae = ratio(challenger.mae, champion.mae);
  const rmsle = ratio(challenger.rmsle, champion.rmsle);
  const isCovering =
    isWithin(challenger.coverage, gates) ||
    Math.abs(challenger.coverage - 0.8) <= Math.abs(champion.coverage - 0.8);
  const results: [string, boolean, number, string][] = [
    [
      'mae_is_within_gate',
      mae <= maxMaeRatio,
      mae,
      `its MAE is ${challenger.mae.toFixed(1)}, ${mae.toFixed(4)} times the champion's ${champion.mae.toFixed(1)}; --max-mae-ratio is ${maxMaeRatio}`,
    ],
    [
      'rmsle_is_within_gate',
      rmsle <= maxRmsleRatio,
      rmsle,
      `its RMSLE is ${challenger.rmsle.toFixed(4)}, ${rmsle.toFixed(4)} times the champion's ${champion.rmsle.toFixed(4)}; --max-rmsle-ratio is ${maxRmsleRatio}`,
    ],
    [
      'coverage_is_within_gate',
      isCovering,
      challenger.coverage,
      `${(challenger.coverage * 100).toFixed(1)} % of the volumes lie between its p10 and p90, the champion's ${(champion.coverage * 100).toFixed(1)} %; ${coverageGate(gates)}`,
    ],
  ];
  return {
    checks: results.map(([name, passed, value]) => ({ name, severity: 'warn', passed, value })),
    reasons: results.filter(([, passed]) => !passed).map(([, , , reason]) => reason),
  };
}

function isWithin(coverage: number, { minCoverage, maxCoverage }: Gates): boolean {
  return coverage >= minCoverage && coverage <= maxCoverage;
}

function coverageGate({ minCoverage, maxCoverage }: Gates): string {
  return `--min-coverage is ${minCoverage}, --max-coverage ${maxCoverage}`;
}
