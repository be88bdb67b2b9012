import { readFileSync } from 'node:fs';

/** The paths that the last stage of an image's Dockerfile copies from the repository. */
export function listCopiedPaths(image: string): string[] {
  const lastStage = readFileSync(`docker/images/${image}.Dockerfile`, 'utf8')
    .split(/^FROM .*/m)
    .at(-1);
  return [...(lastStage ?? '').matchAll(/^COPY ([^-]\S*?)\/? /gm)].map(([, path = '']) => path);
}
