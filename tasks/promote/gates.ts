import { ratio, score } from '../../model/score.ts';
import { type ScoreWithCoverage, scoreWithCoverage } from '../store/feature-rows.ts';
import type { ModelFile } from '../store/models.ts';
import type { Check } from '../store/result.ts';
import type { NewestBlock } from './newest-block.ts';

/**
 * The bounds that a challenger must keep: its errors as multiples of the champion's, and its
 * coverage.
 */
export interface Gates {
  maxMaeRatio: number;
  maxRmsleRatio: number;
  minCoverage: number;
  maxCoverage: number;
}

/** How a challenger did at the gates. */
export interface GateResult {
  /** The measured values, by name. */
  metrics: Record<string, number>;
  checks: Check[];
  /** Why the challenger is refused; empty if it passes. */
  reasons: string[];
}

const TARGET_COVERAGE = 0.8;

/** Measures a challenger and the champion on the same rows. */
export async function compareWithChampion(
  challenger: ModelFile,
  champion: ModelFile,
  gates: Gates,
  { rows }: NewestBlock,
): Promise<GateResult> {
  const challengerScore = await scoreWithCoverage(challenger.model, rows);
  const championScore = await scoreWithCoverage(champion.model, rows);
  return {
    metrics: {
      mae_challenger: challengerScore.mae,
      mae_champion: championScore.mae,
      rmsle_challenger: challengerScore.rmsle,
      rmsle_champion: championScore.rmsle,
      coverage_challenger: challengerScore.coverage,
      coverage_champion: championScore.coverage,
    },
    ...applyGates(challengerScore, championScore, gates),
  };
}

/**
 * Measures a model where none is in service. Its coverage can refuse it; a MAE above that of
 * vol_moving_avg only warns.
 */
export async function measureFirstModel(
  challenger: ModelFile,
  gates: Gates,
  { rows }: NewestBlock,
): Promise<GateResult> {
  const challengerScore = await scoreWithCoverage(challenger.model, rows);
  const baseline = score(rows.volMovingAvg, rows.volume);
  const maeRatio = ratio(challengerScore.mae, baseline.mae);
  const { coverage } = challengerScore;
  const isCoverageWithinGate = isWithin(coverage, gates);
  return {
    metrics: {
      mae_challenger: challengerScore.mae,
      mae_vol_moving_avg: baseline.mae,
      rmsle_challenger: challengerScore.rmsle,
      coverage_challenger: coverage,
    },
    checks: [
      { name: 'mae_is_within_vol_moving_avg', severity: 'warn', passed: maeRatio <= 1, value: maeRatio },
      { name: 'coverage_is_within_gate', severity: 'warn', passed: isCoverageWithinGate, value: coverage },
    ],
    reasons: isCoverageWithinGate
      ? []
      : [`${toPercent(coverage)} of the volumes are between its p10 and p90; ${describeCoverageGate(gates)}`],
  };
}

/**
 * Applies the gates. A coverage out of bounds passes if it is no further from 0.8 than the
 * champion's.
 */
export function applyGates(
  challenger: ScoreWithCoverage,
  champion: ScoreWithCoverage,
  gates: Gates,
): Omit<GateResult, 'metrics'> {
  const { maxMaeRatio, maxRmsleRatio } = gates;
  const maeRatio = ratio(challenger.mae, champion.mae);
  const rmsleRatio = ratio(challenger.rmsle, champion.rmsle);
  const isCoverageWithinGate =
    isWithin(challenger.coverage, gates) ||
    Math.abs(challenger.coverage - TARGET_COVERAGE) <= Math.abs(champion.coverage - TARGET_COVERAGE);
  const gateChecks = [
    {
      name: 'mae_is_within_gate',
      passed: maeRatio <= maxMaeRatio,
      value: maeRatio,
      reason: `its MAE is ${challenger.mae.toFixed(1)}, ${maeRatio.toFixed(4)} times the champion's ${champion.mae.toFixed(1)}; --max-mae-ratio is ${maxMaeRatio}`,
    },
    {
      name: 'rmsle_is_within_gate',
      passed: rmsleRatio <= maxRmsleRatio,
      value: rmsleRatio,
      reason: `its RMSLE is ${challenger.rmsle.toFixed(4)}, ${rmsleRatio.toFixed(4)} times the champion's ${champion.rmsle.toFixed(4)}; --max-rmsle-ratio is ${maxRmsleRatio}`,
    },
    {
      name: 'coverage_is_within_gate',
      passed: isCoverageWithinGate,
      value: challenger.coverage,
      reason: `${toPercent(challenger.coverage)} of the volumes are between its p10 and p90, the champion's ${toPercent(champion.coverage)}; ${describeCoverageGate(gates)}`,
    },
  ];
  return {
    checks: gateChecks.map(({ name, passed, value }) => ({ name, severity: 'warn', passed, value })),
    reasons: gateChecks.filter(({ passed }) => !passed).map(({ reason }) => reason),
  };
}

function isWithin(coverage: number, { minCoverage, maxCoverage }: Gates): boolean {
  return coverage >= minCoverage && coverage <= maxCoverage;
}

function describeCoverageGate({ minCoverage, maxCoverage }: Gates): string {
  return `--min-coverage is ${minCoverage}, --max-coverage ${maxCoverage}`;
}

function toPercent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
