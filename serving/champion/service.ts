import { isInDomain } from '../../model/arithmetic.ts';
import type { Model, Prediction } from '../../model/model.ts';
import { createPredictor } from '../../model/predictor.ts';

/** Two numbers in, a point and three quantiles out. */
export interface Predictor {
  predict(volMovingAvg: number, adjCloseRollingMed: number): Prediction;
  /** Whether training saw rows like these. */
  isInDomain(volMovingAvg: number, adjCloseRollingMed: number): boolean;
}

/** A model in service. It is replaced as a whole, never changed. */
export interface InService {
  model: Model;
  /** What answers name in X-Model-Version. */
  version: string;
  predictor: Predictor;
}

/** What is in service at the moment; it may be replaced between two requests. */
export interface Service {
  current: InService | undefined;
  /** What is wrong with the model that was to be loaded last; undefined if nothing. */
  fault?: string | undefined;
  /** Is told of each row that was scored; must be cheap, and never throw. */
  observe?(volMovingAvg: number, adjCloseRollingMed: number, prediction: Prediction): void;
  /** Is told of each request whose rows were all scored; as cheap. */
  succeed?(): void;
}

/** Puts a model into service as it is. */
export function inService(model: Model): InService {
  return {
    model,
    version: model.asOf,
    predictor: {
      predict: createPredictor(model),
      isInDomain: (volMovingAvg, adjCloseRollingMed) => isInDomain(model, volMovingAvg, adjCloseRollingMed),
    },
  };
}
