import { logVolume, type Model, type Prediction, signedLog } from './model.ts';

const MAX = Number.MAX_SAFE_INTEGER;

/**
 * predict() of a model as a loop over buffers made once: the same operations in the same order, so the same bits.
 * What it returns is new each time; what it computes with is not.
 */
export function createPredictor({ layers, scales }: Model): (average: number, median: number) => Prediction {
  const steps = layers.map(({ kernel, bias }) => ({
    kernel: Float64Array.from(kernel),
    bias: Float64Array.from(bias),
    output: new Float64Array(bias.length),
  }));
  const inputs = new Float64Array(2);
  const [averageScale, medianScale] = scales;
  const last = steps.length - 1;

  return (volumeAverage, priceMedian) => {
    const logAverage = logVolume(volumeAverage);
    inputs[0] = scale(logAverage, averageScale);
    inputs[1] = scale(signedLog(priceMedian), medianScale);
    let signal = inputs;
    for (let index = 0; index <= last; index++) {
      const { kernel, bias, output } = steps[index] as (typeof steps)[number];
      const width = output.length;
      output.set(bias);
      for (let i = 0, k = 0; i < signal.length; i++) {
        const x = signal[i] as number;
        for (let j = 0; j < width; j++, k++) output[j] = (output[j] as number) + x * (kernel[k] as number);
      }
      if (index < last) for (let j = 0; j < width; j++) output[j] = Math.tanh(output[j] as number);
      signal = output;
    }
    const middle = signal[0] as number;
    return {
      p10: volume(logAverage + (middle - softplus(signal[1] as number))),
      p50: volume(logAverage + middle),
      p90: volume(logAverage + (middle + softplus(signal[2] as number))),
    };
  };
}

function volume(logOf: number): number {
  return Math.min(Math.max(0, Math.expm1(logOf)), MAX);
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function scale(x: number, { min, max, mean, deviation }: Model['scales'][0]): number {
  return (Math.min(Math.max(x, min), max) - mean) / deviation;
}
