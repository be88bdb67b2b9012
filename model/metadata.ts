import { ModelError, type Offsets } from './model.ts';

/** @throws ModelError when the text is not JSON, or not what it should be */
export function parse<Value>(
  text: string | undefined,
  what: string,
  isSound: (value: unknown) => boolean,
): Value {
  try {
    const value = JSON.parse(text ?? '');
    if (isSound(value)) return value;
  } catch {}
  throw new ModelError(`has no sound ${what}`);
}

function areNumbers(value: unknown, length?: number): boolean {
  return Array.isArray(value) && value.every(Number.isFinite) && (length ?? value.length) === value.length;
}

/** Whether this is how both inputs are scaled. */
export function areScales(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    value.every(
      ({ min, max, mean, deviation }) =>
        areNumbers([min, max, mean, deviation]) && min <= max && deviation > 0,
    )
  );
}

/** Whether this is what calibration moves p10 and p90 by. */
export function areOffsets(value: unknown): boolean {
  const { at, down, up } = Object(value);
  const isAscending = (list: number[]) =>
    list.every((x, index) => index === 0 || x > (list[index - 1] as number));
  return (
    areNumbers(at) &&
    at.length > 0 &&
    isAscending(at) &&
    areNumbers(down, at.length) &&
    areNumbers(up, at.length)
  );
}

/** The offsets of format 2. @throws ModelError */
export function readOffsets2(text: string | undefined): Offsets {
  const [down, up] = parse<[number, number]>(text, 'offsets', (value) => areNumbers(value, 2));
  return { at: [0], down: [down], up: [up] };
}

/** Whether these are golden vectors, one at least. */
export function areGolden(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((vector) => areNumbers(vector, 6));
}

/** Whether this is the inner edges of cells. */
export function areEdges(value: unknown): boolean {
  return (
    areNumbers(value) &&
    (value as number[]).every((x, index, all) => index === 0 || x >= (all[index - 1] as number))
  );
}
