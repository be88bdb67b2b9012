import { clip, interpolate, logVolume, signedLog, tanh } from './arithmetic.ts';
import type { Model, Prediction } from './model.ts';

const MAX = Number.MAX_SAFE_INTEGER;

/** So many sums are formed side by side: one alone would wait for each addition. */
const LANES = 4;

interface Step {
  inputs: number;
  outputs: number;
  /** Of shape [inputs, stride]: columns of zeros fill the last lanes. */
  kernel: Float64Array;
  sums: Float64Array;
  bias: Float64Array;
  stride: number;
}

/**
 * Predicts a day's trading volume from vol_moving_avg in shares, >= 0, and adj_close_rolling_med in the price's currency, of
 * any sign. It computes in buffers made once; what it returns is new each time.
 */
export function createPredictor({
  layers,
  scales,
  offsets,
}: Model): (volMovingAvg: number, adjCloseRollingMed: number) => Prediction {
  const steps = layers.map(({ kernel, bias }) => widen(kernel, bias));
  const inputs = new Float64Array(2);
  const [averageScale, medianScale] = scales;
  const { at, down, up } = offsets;

  return (volMovingAvg, adjCloseRollingMed) => {
    const logAverage = logVolume(volMovingAvg);
    inputs[0] = scale(logAverage, averageScale);
    inputs[1] = scale(signedLog(adjCloseRollingMed), medianScale);
    let signal: Float64Array = inputs;
    for (const step of steps) {
      signal = apply(step, signal);
      if (step === steps.at(-1)) break;
      for (let j = 0; j < step.outputs; j++) signal[j] = tanh(signal[j] as number);
    }
    const place = clip(logAverage, averageScale);
    // p10 and p90 lie a softplus away from p50, and calibration moves them no further than to p50: they cannot cross.
    const middle = signal[0] as number;
    const low = Math.min(middle - softplus(signal[1] as number) - interpolate(place, at, down), middle);
    const high = Math.max(middle + softplus(signal[2] as number) + interpolate(place, at, up), middle);
    return {
      point: volume(logAverage + Math.min(Math.max(signal[3] as number, low), high)),
      p10: volume(logAverage + low),
      p50: volume(logAverage + middle),
      p90: volume(logAverage + high),
    };
  };
}

function apply({ inputs, kernel, bias, sums, stride }: Step, signal: Float64Array): Float64Array {
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

function widen(kernel: Float32Array, bias: Float32Array): Step {
  const outputs = bias.length;
  const inputs = kernel.length / outputs;
  const stride = Math.ceil(outputs / LANES) * LANES;
  const wide = new Float64Array(inputs * stride);
  for (let i = 0; i < inputs; i++) wide.set(kernel.subarray(i * outputs, (i + 1) * outputs), i * stride);
  const padded = new Float64Array(stride);
  padded.set(bias);
  return { inputs, outputs, stride, kernel: wide, bias: padded, sums: new Float64Array(stride) };
}

function volume(logOf: number): number {
  return Math.min(Math.max(0, Math.expm1(logOf)), MAX);
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function scale(x: number, range: Model['scales'][0]): number {
  return (clip(x, range) - range.mean) / range.deviation;
}
