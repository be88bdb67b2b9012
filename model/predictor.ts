import { clip, interpolate, logVolume, signedLog, tanh } from './arithmetic.ts';
import type { DenseLayer, Model, Prediction, Scale } from './model.ts';

const MAX_VOLUME = Number.MAX_SAFE_INTEGER;

/** This many sums are computed side by side: a single sum would wait for each addition. */
const LANES = 4;

interface PaddedLayer {
  inputs: number;
  outputs: number;
  /** Of shape [inputs, stride]: columns of zeros fill the last lanes. */
  kernel: Float64Array;
  sums: Float64Array;
  bias: Float64Array;
  stride: number;
}

/**
 * Predicts a day's trading volume from vol_moving_avg in shares, >= 0, and adj_close_rolling_med in
 * the price's currency, of either sign. It reuses its buffers between calls; each returned
 * prediction is a new object.
 */
export function createPredictor({
  layers,
  scales,
  offsets,
}: Model): (volMovingAvg: number, adjCloseRollingMed: number) => Prediction {
  const paddedLayers = layers.map(padLayer);
  const inputs = new Float64Array(2);
  const [volMovingAvgScale, adjCloseRollingMedScale] = scales;
  const { at, down, up } = offsets;

  return (volMovingAvg, adjCloseRollingMed) => {
    const logVolMovingAvg = logVolume(volMovingAvg);
    inputs[0] = scaleInput(logVolMovingAvg, volMovingAvgScale);
    inputs[1] = scaleInput(signedLog(adjCloseRollingMed), adjCloseRollingMedScale);
    let signal: Float64Array = inputs;
    for (const layer of paddedLayers) {
      signal = applyLayer(layer, signal);
      if (layer === paddedLayers.at(-1)) break;
      for (let j = 0; j < layer.outputs; j++) signal[j] = tanh(signal[j] as number);
    }
    const place = clip(logVolMovingAvg, volMovingAvgScale);
    // p10 and p90 are a softplus away from p50, and calibration moves them no further than to p50:
    // they cannot cross.
    const middle = signal[0] as number;
    const low = Math.min(middle - softplus(signal[1] as number) - interpolate(place, at, down), middle);
    const high = Math.max(middle + softplus(signal[2] as number) + interpolate(place, at, up), middle);
    return {
      point: toShares(logVolMovingAvg + Math.min(Math.max(signal[3] as number, low), high)),
      p10: toShares(logVolMovingAvg + low),
      p50: toShares(logVolMovingAvg + middle),
      p90: toShares(logVolMovingAvg + high),
    };
  };
}

function applyLayer({ inputs, kernel, bias, sums, stride }: PaddedLayer, signal: Float64Array): Float64Array {
  for (let j = 0; j < stride; j += LANES) {
    let a = bias[j] as number;
    let b = bias[j + 1] as number;
    let c = bias[j + 2] as number;
    let d = bias[j + 3] as number;
    for (let i = 0, k = j; i < inputs; i++, k += stride) {
      const x = signal[i] as number;
      a += x * (kernel[k] as number);
      b += x * (kernel[k + 1] as number);
      c += x * (kernel[k + 2] as number);
      d += x * (kernel[k + 3] as number);
    }
    sums[j] = a;
    sums[j + 1] = b;
    sums[j + 2] = c;
    sums[j + 3] = d;
  }
  return sums;
}

function padLayer({ kernel, bias }: DenseLayer): PaddedLayer {
  const outputs = bias.length;
  const inputs = kernel.length / outputs;
  const stride = Math.ceil(outputs / LANES) * LANES;
  const padded = new Float64Array(inputs * stride);
  for (let i = 0; i < inputs; i++) padded.set(kernel.subarray(i * outputs, (i + 1) * outputs), i * stride);
  const paddedBias = new Float64Array(stride);
  paddedBias.set(bias);
  return { inputs, outputs, stride, kernel: padded, bias: paddedBias, sums: new Float64Array(stride) };
}

function scaleInput(x: number, scale: Scale): number {
  return (clip(x, scale) - scale.mean) / scale.deviation;
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** The inverse of logVolume, from 0 to 2^53 - 1. */
export function toShares(logVolume: number): number {
  return Math.min(Math.max(0, Math.expm1(logVolume)), MAX_VOLUME);
}
