import type { Context } from '../context.ts';
import type { Champion } from '../store/champion-history.ts';
import { viewFeatures } from '../store/feature-rows.ts';
import { openDataset } from '../store/shards.ts';

/**
 * Whether a model of this as-of date is older than the champion. An earlier date alone decides while the champion's
 * date is valid. It is not valid if it is after today, or if the champion is from other features than the latest, since
 * the row that it came from may have been corrected. Then the rows decide: the model is older if the latest features
 * have a row from before today that only the champion can have seen.
 * @throws PermanentError when the champion's date is not valid, and there are no features or a shard is damaged
 */
export async function isOlder(
  asOf: string,
  { as_of, features_key }: Champion,
  { store, database, today }: Context,
): Promise<boolean> {
  if (asOf >= as_of) return false;
  const latest = await store.readJson<{ key: string }>('features/latest.json');
  const isValid = as_of <= today && (!features_key || !latest || features_key === latest.key);
  if (isValid) return true;
  const features = await openDataset('features', latest?.key, 'features', store);
  await viewFeatures(features, database);
  await database.setVariable('as_of', asOf);
  await database.setVariable('until_day', as_of < today ? as_of : today);
  const [later] = await database.rows(
    "FROM features WHERE Date >= getvariable('as_of') AND Date < getvariable('until_day') LIMIT 1",
  );
  return later !== undefined;
}
