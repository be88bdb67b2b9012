import { isInDomain } from '../../model/arithmetic.ts';
import type { Model, Prediction } from '../../model/model.ts';
import { createOutsideInterval } from '../../model/outside-interval.ts';
import { createPredictor } from '../../model/predictor.ts';

/** Predicts a point and three quantiles, in shares. */
export interface Predictor {
  predict(volMovingAvg: number, adjCloseRollingMed: number): Prediction;
  /** Whether both inputs are in the training range, with enough training rows near. */
  isInDomain(volMovingAvg: number, adjCloseRollingMed: number): boolean;
  /** Widens the interval of a prediction outside the domain. */
  widenInterval(prediction: Prediction, volMovingAvg: number, adjCloseRollingMed: number): Prediction;
}

/** A model in service. It is replaced as a whole, never changed. */
export interface InService {
  model: Model;
  /** Value of X-Model-Version: the as-of date. */
  version: string;
  predictor: Predictor;
}

/** The model in service, which can change between two requests. */
export interface Service {
  current: InService | undefined;
  /** What is wrong with the last model that was tried; undefined if nothing. */
  fault?: string | undefined;
  /** Receives each scored row. It must be cheap and must not throw. */
  observe?(volMovingAvg: number, adjCloseRollingMed: number, prediction: Prediction): void;
  /** Is called for each request whose rows were all scored. It must be cheap and must not throw. */
  succeed?(): void;
}

/** Makes a model ready to serve, without a check. */
export function inService(model: Model): InService {
  return {
    model,
    version: model.asOf,
    predictor: {
      predict: createPredictor(model),
      isInDomain: (volMovingAvg, adjCloseRollingMed) => isInDomain(model, volMovingAvg, adjCloseRollingMed),
      widenInterval: createOutsideInterval(model),
    },
  };
}
