import * as z from 'zod';
import { ModelError } from './model.ts';

// zod's numbers are finite.
const scale = z
  .object({ min: z.number(), max: z.number(), mean: z.number(), deviation: z.number().positive() })
  .refine(({ min, max }) => min <= max, 'min is above max');
const ascending = z
  .array(z.number())
  .refine((list) => list.every((x, index) => x > (list[index - 1] ?? -Infinity)), 'must ascend');
const offsets = z
  .object({ at: ascending.min(1), down: z.array(z.number()), up: z.array(z.number()) })
  .refine(
    ({ at, down, up }) => down.length === at.length && up.length === at.length,
    'at, down and up must have the same length',
  );
const number = z.number();

/** The metadata of a model.bin. Fields that are not listed here are the model's provenance. */
const metadataSchema = z
  .object({
    as_of: z.iso.date(),
    quantiles: z.string().optional(),
    scales: json(z.tuple([scale, scale])),
    offsets: json(offsets),
    density_edges: json(z.tuple([ascending, ascending])),
    golden: json(z.array(z.tuple([number, number, number, number, number, number])).min(1)),
  })
  .catchall(z.string());

/** @throws ModelError that names the first field that is not valid */
export function parseMetadata(metadata: unknown): z.infer<typeof metadataSchema> {
  const { data, error } = metadataSchema.safeParse(metadata);
  if (data) return data;
  const [issue] = error.issues;
  throw new ModelError(`has invalid metadata: ${issue?.path.join('.')}: ${issue?.message}`);
}

/** Text that holds JSON of this schema. */
function json<Schema extends z.ZodType>(schema: Schema) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('is not JSON');
        return z.NEVER;
      }
    })
    .pipe(schema);
}
